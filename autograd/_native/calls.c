/* Calls of functions that `compile` has made of a graph with the C backend.

   A compiled program is a C function in a loaded library. Python can call it with ctypes, which takes a microsecond,
   many times what a small program computes for. A CompiledFunction calls it from here:

       the arguments     floats, integers, lists and tuples of them are copied; NumPy's arrays are read where they are
       the program       writes its outputs, all numbers in a row, in the order of the tree of outputs; a large one
                         works in memory that its function keeps from call to call
       the results       floats and lists; arrays if an array was passed; or the caller's own arrays, `out=`

   What is not plainly one of these cases is passed on to `general`, a function in Python that does all of this and
   explains what is wrong. So nothing here raises an error of its own, and whoever reads the semantics reads c_call.py.

   A batch is an array whose first axis has n samples. Only NumPy's own type of arrays is taken, no classes of it. */

#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <structmember.h>

#ifdef __GNUC__ /* not a call, as the option -fno-builtin makes of it, which keeps the bits of functions of numbers */
#define memcpy __builtin_memcpy
#endif

#ifdef Py_LIMITED_API /* functions for what are macros otherwise */
#define FLOAT PyFloat_AsDouble
#define LIST_SIZE PyList_Size
#define LIST_ITEM PyList_GetItem
#define SET_LIST_ITEM PyList_SetItem
#define TUPLE_SIZE PyTuple_Size
#define TUPLE_ITEM PyTuple_GetItem
#define SET_TUPLE_ITEM PyTuple_SetItem
#else
#define FLOAT PyFloat_AS_DOUBLE
#define LIST_SIZE PyList_GET_SIZE
#define LIST_ITEM PyList_GET_ITEM
#define SET_LIST_ITEM PyList_SET_ITEM
#define TUPLE_SIZE PyTuple_GET_SIZE
#define TUPLE_ITEM PyTuple_GET_ITEM
#define SET_TUPLE_ITEM PyTuple_SET_ITEM
#endif

#define MOST_ARGUMENTS 32 /* of a function */
#define MOST_VIEWS 64     /* arrays in one call */
#define ON_THE_STACK 1024 /* numbers; more are in memory that is allocated for the call */
#define ALIGNMENT 64      /* bytes, of the memory that a program works in: for vectors of 8 numbers */

int add_calls(PyObject *module);

/* Trees ------------------------------------------------------------------------------------------------------------ */

/* A number, list or tuple of an argument or of the outputs. A tree is an array of nodes, each followed by its parts. */
typedef struct {
    Py_ssize_t parts;   /* -1 for a number */
    Py_ssize_t numbers; /* all of them, at any depth */
    Py_ssize_t nodes;   /* this one and those below */
    int axes;           /* as an array; -1 if its parts differ in shape */
    int is_tuple;
} Node;

/* Return the number of nodes of a tree in Python; -1 with an error set if it is nested too deeply. */
static Py_ssize_t nodes_of(PyObject *tree)
{
    int is_list = PyList_Check(tree);
    if (!is_list && !PyTuple_Check(tree))
        return 1;
    if (Py_EnterRecursiveCall(" while a compiled function is described"))
        return -1;
    Py_ssize_t nodes = 1, parts = is_list ? PyList_Size(tree) : PyTuple_Size(tree);
    for (Py_ssize_t i = 0; i < parts && nodes > 0; i++) {
        Py_ssize_t below = nodes_of(is_list ? PyList_GetItem(tree, i) : PyTuple_GetItem(tree, i));
        nodes = below < 0 ? -1 : nodes + below;
    }
    Py_LeaveRecursiveCall();
    return nodes;
}

/* Is it a number or a flat list? The program writes each of these for all samples, then the next one. */
static int is_piece(const Node *node) { return node->parts < 0 || (node->axes == 1 && !node->is_tuple); }

static int same_shape(const Node *one, const Node *other)
{
    if (one->axes < 0 || one->axes != other->axes)
        return 0;
    for (int axis = one->axes; axis > 0; axis--)
        if ((one++)->parts != (other++)->parts)
            return 0;
    return 1;
}

/* Describe a tree from `node` on; nodes_of has counted how many it takes. */
static void describe(Node *node, PyObject *tree)
{
    int is_list = PyList_Check(tree);
    *node = (Node){-1, 1, 1, 0, 0};
    if (!is_list && !PyTuple_Check(tree))
        return;
    *node = (Node){is_list ? PyList_Size(tree) : PyTuple_Size(tree), 0, 1, 1, !is_list};
    for (Py_ssize_t i = 0; i < node->parts; i++) {
        Node *part = node + node->nodes;
        describe(part, is_list ? PyList_GetItem(tree, i) : PyTuple_GetItem(tree, i));
        node->numbers += part->numbers;
        node->nodes += part->nodes;
        if (node->axes >= 0)
            node->axes = same_shape(node + 1, part) ? part->axes + 1 : -1;
    }
}

/* Return the described tree, in memory that the caller frees; NULL with an error set. */
static Node *described(PyObject *tree)
{
    Py_ssize_t nodes = nodes_of(tree);
    Node *root = nodes < 0 ? NULL : PyMem_Malloc((size_t)nodes * sizeof *root);
    if (root)
        describe(root, tree);
    else if (!PyErr_Occurred())
        PyErr_NoMemory();
    return root;
}

/* The type --------------------------------------------------------------------------------------------------------- */

typedef void Program(long long n, const double *const *arguments, double *outputs, char *work);

/* Every CPython has vectorcall since 3.8, in this form, but headers for the stable ABI name it from 3.12 on only.
   Without it a call with `out` takes twice as long, because Python makes a tuple and a dictionary. */
typedef PyObject *Vectorcall(PyObject *self, PyObject *const *arguments, size_t flags, PyObject *names);
#define HAVE_VECTORCALL (1UL << 11)
#define FREE_PLACE ((size_t)1 << (8 * sizeof(size_t) - 1)) /* a flag, beside the number of arguments without names */

typedef struct {
    PyObject_HEAD
    Vectorcall *vectorcall;
    PyObject *general; /* the function in Python */
    PyObject *arrays;  /* arrays(o, n): the results as parts of one array */
    PyObject *library; /* keeps the program in memory: it is unloaded with the last function that refers to it */
    PyObject *attributes, *references;
    Program *program;
    Py_ssize_t work_bytes; /* that the program works in, aligned; 0 for none */
    char *work;            /* so much memory, kept for the next call; NULL if there is none, or a call has it */
    Py_ssize_t count;      /* of arguments */
    Node *inputs[MOST_ARGUMENTS];
    Node *outputs;
    char batched[MOST_ARGUMENTS];
    int rowwise;          /* outputs for each sample */
    int batch;            /* any argument is batched */
    Py_ssize_t copied;    /* numbers of the arguments that are not batched */
    long long most;       /* samples in one call: more are for `general`, which looks for Ctrl-C in between */
    long long most_alone; /* samples that take so little time that other threads can wait for them */
    long long chunk;      /* samples whose outputs are copied to the caller's arrays together */
} Function;

/* NumPy's, once it is loaded; kept for good. */
static PyTypeObject *ndarray, *float64;
static PyObject *empty;
static PyObject *method; /* types.MethodType */

/* Look for NumPy, which this module does not load itself. No error is left set. */
static int numpy_is_loaded(void)
{
    if (empty)
        return 1;
    PyObject *modules = PyImport_GetModuleDict(); /* borrowed */
    PyObject *numpy = PyDict_GetItemString(modules, "numpy");
    if (!numpy)
        return 0;
    Py_INCREF(numpy);
    PyObject *array = PyObject_GetAttrString(numpy, "ndarray"), *number = PyObject_GetAttrString(numpy, "float64");
    PyObject *makes = PyObject_GetAttrString(numpy, "empty");
    Py_DECREF(numpy);
    PyErr_Clear(); /* it may be half loaded */
    if (array && number && makes && PyType_Check(array) && PyType_Check(number)) {
        ndarray = (PyTypeObject *)array;
        float64 = (PyTypeObject *)number;
        empty = makes;
        return 1;
    }
    Py_XDECREF(array);
    Py_XDECREF(number);
    Py_XDECREF(makes);
    return 0;
}

static int is_ndarray(PyObject *x)
{
    /* Where NumPy is not loaded, looking for it takes 50 ns: as long as a small call. */
    if (PyFloat_CheckExact(x) || PyList_CheckExact(x))
        return 0;
    return numpy_is_loaded() && Py_IS_TYPE(x, ndarray);
}

/* A call ----------------------------------------------------------------------------------------------------------- */

/* What a call holds until it ends. Views are of arrays whose memory is used in place: first those that are read, then
   those of `out`, from left to right. `end` releases them. */
typedef struct {
    Py_buffer views[MOST_VIEWS];
    int viewed, read;
    const Node *trees[MOST_VIEWS];        /* what is written into each array of `out`, */
    Py_ssize_t firsts[MOST_VIEWS];        /* and the place of its first number among the outputs */
    int asked;                            /* a part of `out` is None */
    const double *starts[MOST_ARGUMENTS]; /* the numbers of each argument */
    char *work;                           /* that the program works in, not aligned yet; NULL before it runs */
    double *allocated[MOST_ARGUMENTS + 1];
    int allocations;
    Py_ssize_t used; /* numbers on the stack */
    double stack[ON_THE_STACK];
} Call;

static void end(Function *f, Call *call)
{
    if (call->work && !f->work)
        f->work = call->work; /* the first access to new memory is slow */
    else
        PyMem_Free(call->work); /* another call has ended meanwhile */
    while (call->allocations)
        PyMem_Free(call->allocated[--call->allocations]);
    while (call->viewed)
        PyBuffer_Release(&call->views[--call->viewed]);
}

/* Return memory for so many numbers, until the call ends; NULL with an error set. */
static double *room(Call *call, Py_ssize_t numbers)
{
    double *at = call->stack + call->used;
    if (numbers <= ON_THE_STACK - call->used) {
        call->used += numbers;
        return at;
    }
    at = PyMem_Malloc((size_t)numbers * sizeof *at);
    if (at)
        call->allocated[call->allocations++] = at;
    else
        PyErr_NoMemory();
    return at;
}

/* Take memory that the program works in: what the function keeps, unless another call has it, of another thread or one
   that has called Python, as for a signal. The interpreter's lock is held. Returns 0 with an error set. */
static int take_work(Function *f, Call *call)
{
    if (call->work || !f->work_bytes)
        return 1;
    /* Zeros: vectors compute slowly with what else may be in memory, subnormals, also in lanes that are ignored. */
    call->work = f->work ? f->work : PyMem_Calloc(1, (size_t)f->work_bytes + ALIGNMENT);
    f->work = NULL;
    if (!call->work)
        PyErr_NoMemory();
    return call->work != NULL;
}

/* Copy the numbers of an argument to *at and move it on. Returns 0 for anything but exactly floats, integers, lists and
   tuples: these run no code of Python's while they are read, so no list changes its length meanwhile. */
static int copy(const Node **tree, PyObject *x, double **at)
{
    const Node *node = (*tree)++;
    if (node->parts < 0) {
        if (PyFloat_CheckExact(x) || (float64 && Py_IS_TYPE(x, float64))) {
            *(*at)++ = FLOAT(x);
            return 1;
        }
        if (!PyLong_CheckExact(x))
            return 0;
        double number = PyLong_AsDouble(x);
        if (number == -1.0 && PyErr_Occurred()) { /* it is too large */
            PyErr_Clear();
            return 0;
        }
        *(*at)++ = number;
        return 1;
    }
    int is_list = PyList_CheckExact(x);
    if (!is_list && !PyTuple_CheckExact(x))
        return 0;
    if ((is_list ? LIST_SIZE(x) : TUPLE_SIZE(x)) != node->parts)
        return 0;
    for (Py_ssize_t i = 0; i < node->parts; i++)
        if (!copy(tree, is_list ? LIST_ITEM(x, i) : TUPLE_ITEM(x, i), at))
            return 0;
    return 1;
}

/* View an array that has the tree's shape, after an axis of *n samples if `samples`. A negative *n is not known yet.
   Returns its memory; NULL, without an error set, if it is not exactly that. */
static double *view(Call *call, const Node *tree, PyObject *array, int writable, int samples, long long *n)
{
    if (tree->axes < 0 || call->viewed == MOST_VIEWS)
        return NULL;
    Py_buffer *seen = &call->views[call->viewed];
    if (PyObject_GetBuffer(array, seen, PyBUF_C_CONTIGUOUS | PyBUF_FORMAT | (writable ? PyBUF_WRITABLE : 0))) {
        PyErr_Clear();
        return NULL;
    }
    call->viewed++;
    if (!seen->format || strcmp(seen->format, "d") || seen->ndim != tree->axes + samples) /* not aligned is "=d" */
        return NULL;
    if (samples && *n < 0)
        *n = seen->shape[0];
    if (samples && *n != seen->shape[0])
        return NULL;
    for (int axis = samples; axis < seen->ndim; axis++)
        if (seen->shape[axis] != (tree++)->parts)
            return NULL;
    return seen->buf;
}

/* Return the results as floats, lists and tuples; flat lists as parts of `array` if there is one, whose numbers begin at
   `first`. */
static PyObject *built(const Node **tree, const double **at, PyObject *array, const double *first)
{
    const Node *node = (*tree)++;
    if (node->parts < 0)
        return PyFloat_FromDouble(*(*at)++);
    if (array && is_piece(node)) {
        const double *start = *at;
        *tree += node->parts;
        *at += node->parts;
        return PySequence_GetSlice(array, start - first, *at - first);
    }
    PyObject *whole = node->is_tuple ? PyTuple_New(node->parts) : PyList_New(node->parts);
    for (Py_ssize_t i = 0; whole && i < node->parts; i++) {
        PyObject *part = built(tree, at, array, first);
        if (!part) {
            Py_DECREF(whole);
            return NULL;
        }
        if (node->is_tuple)
            SET_TUPLE_ITEM(whole, i, part); /* takes the reference */
        else
            SET_LIST_ITEM(whole, i, part);
    }
    return whole;
}

/* Return a new reference to part i of the caller's list or tuple; NULL without an error set if there is none: whenever
   Python allocates, a finalizer may run, and change the list. */
static PyObject *part_of(PyObject *whole, Py_ssize_t i)
{
    if (PyTuple_CheckExact(whole))
        return i < TUPLE_SIZE(whole) ? Py_NewRef(TUPLE_ITEM(whole, i)) : NULL;
    return i < LIST_SIZE(whole) ? Py_NewRef(LIST_ITEM(whole, i)) : NULL;
}

/* Has it a part for each one of the outputs, as lists and tuples have? */
static int matches(const Node *node, PyObject *out)
{
    if (PyList_CheckExact(out))
        return LIST_SIZE(out) == node->parts;
    return PyTuple_CheckExact(out) && TUPLE_SIZE(out) == node->parts;
}

/* View the arrays of `out`, with n samples each if the outputs are rowwise. The place of its first number among the
   outputs is `first`, which is moved on. Returns 0 if it is not exactly that, or None asks for an array. */
static int view_out(Function *f, Call *call, const Node *node, PyObject *out, Py_ssize_t *first, long long n, int array)
{
    if (out == Py_None || is_ndarray(out)) {
        int i = call->viewed;
        if (out == Py_None) {
            if (f->rowwise || (array && node->parts >= 0))
                return 0;
            call->asked = 1;
        } else {
            if ((f->rowwise && !node->numbers) || !view(call, node, out, 1, f->rowwise, &n))
                return 0;
            call->trees[i] = node;
            call->firsts[i] = *first;
        }
        *first += node->numbers;
        return 1;
    }
    if (!matches(node, out) || (is_piece(node) && node->parts))
        return 0;
    const Node *below = node + 1;
    for (Py_ssize_t i = 0; i < node->parts; i++, below += below->nodes) {
        PyObject *part = part_of(out, i);
        int viewed = part && view_out(f, call, below, part, first, n, array);
        Py_XDECREF(part);
        if (!viewed)
            return 0;
    }
    return 1;
}

/* Return `out`, with results in the place of None: then new lists and tuples, of the outputs' types. What has changed
   during the call is returned as it is. */
static PyObject *filled(const Node **tree, PyObject *out, const double **at)
{
    const Node *node = *tree;
    if (out == Py_None)
        return built(tree, at, NULL, NULL);
    if (!matches(node, out)) {
        *tree += node->nodes;
        *at += node->numbers;
        return Py_NewRef(out);
    }
    PyObject *whole = node->is_tuple ? PyTuple_New(node->parts) : PyList_New(node->parts);
    int same = 1;
    ++*tree;
    for (Py_ssize_t i = 0; whole && i < node->parts; i++) {
        PyObject *own = part_of(out, i), *part = filled(tree, own ? own : Py_None, at);
        same &= part == own;
        Py_XDECREF(own);
        if (part && node->is_tuple)
            SET_TUPLE_ITEM(whole, i, part); /* takes the reference */
        else if (part)
            SET_LIST_ITEM(whole, i, part);
        else
            Py_CLEAR(whole);
    }
    if (!whole || !same)
        return whole;
    Py_DECREF(whole);
    return Py_NewRef(out);
}

static int overlap(const Py_buffer *one, const Py_buffer *other)
{
    return (char *)one->buf < (char *)other->buf + other->len && (char *)other->buf < (char *)one->buf + one->len;
}

/* Is the memory of each array of `out` apart from that of all that are read and, if `from_others`, of others? */
static int apart(const Call *call, int from_others)
{
    for (int i = call->read; i < call->viewed; i++)
        for (int k = 0; k < (from_others ? i : call->read); k++)
            if (overlap(&call->views[k], &call->views[i]))
                return 0;
    return 1;
}

/* Copy the outputs of n samples to the rows from `row` on of each array of `out`. */
static void write_rows(const Call *call, const double *outputs, long long row, long long n)
{
    for (int i = call->read; i < call->viewed; i++) {
        const Node *tree = call->trees[i], *node = tree;
        const double *from = outputs + call->firsts[i] * n;
        double *to = (double *)call->views[i].buf + row * tree->numbers;
        if (n == 1 || is_piece(tree)) {
            memcpy(to, from, (size_t)(n * tree->numbers) * sizeof *to);
            continue;
        }
        for (; node < tree + tree->nodes; node += is_piece(node) ? node->nodes : 1)
            if (is_piece(node)) { /* its columns */
                for (long long r = 0; r < n; r++)
                    for (Py_ssize_t j = 0; j < node->numbers; j++)
                        to[r * tree->numbers + j] = *from++;
                to += node->numbers;
            }
    }
}

/* Run the program for the samples from `begin` to `end`. Its outputs are at `whole` if that is the memory for all
   samples; NULL if they are to be written into arrays, by chunks, for one of which there is room at `outputs`.
   Returns 0 with an error set, before anything is written. */
static int run(Function *f, Call *call, long long begin, long long end, double *whole, double *outputs)
{
    if (!take_work(f, call))
        return 0;
    char *work = call->work ? call->work + (-(uintptr_t)call->work & (ALIGNMENT - 1)) : NULL;
    PyThreadState *others = end - begin > f->most_alone ? PyEval_SaveThread() : NULL;
    const double *starts[MOST_ARGUMENTS];
    for (long long row = begin, n; row < end; row += n) {
        n = whole || !f->rowwise || end - row < f->chunk ? end - row : f->chunk;
        for (Py_ssize_t k = 0; k < f->count; k++)
            starts[k] = call->starts[k] + (f->batched[k] ? row * f->inputs[k]->numbers : 0);
        f->program(n, starts, whole ? whole + row * f->outputs->numbers : outputs, work);
        if (!whole)
            write_rows(call, outputs, row, f->rowwise ? n : 1);
    }
    if (others)
        PyEval_RestoreThread(others);
    return 1;
}

/* Call the program for arrays that have been viewed, and return `out`. A large batch is written slice by slice; if
   Ctrl-C comes in between, the rest of the arrays is left. */
static PyObject *written(Function *f, Call *call, PyObject *out, long long n)
{
    const Node *tree = f->outputs;
    int single = call->viewed == call->read + 1 && call->trees[call->read] == tree;
    int in_order = !f->rowwise || n == 1 || is_piece(tree), no_overlap = apart(call, f->rowwise);
    if (f->rowwise && !no_overlap) /* all is read before the first is written, and that from left to right */
        return NULL;
    double *whole = single && in_order && no_overlap ? call->views[call->read].buf : NULL; /* C relies on no overlap */
    long long rows = !f->rowwise ? 1 : n < f->chunk ? n : f->chunk;
    double *outputs = whole ? NULL : room(call, f->outputs->numbers * (Py_ssize_t)rows);
    const double *from = outputs;
    if (!whole && !outputs)
        return NULL;
    for (long long begin = 0, end; begin < n; begin = end) {
        end = n - begin < f->most ? n : begin + f->most;
        if (begin && PyErr_CheckSignals())
            return NULL;
        if (!run(f, call, begin, end, whole, outputs))
            return NULL;
    }
    return call->asked ? filled(&tree, out, &from) : Py_NewRef(out);
}

/* Call the program. Returns NULL without an error set for a case that `general` is for: then nothing has been done. */
static PyObject *called(Function *f, PyObject *const *arguments, PyObject *out, Call *call)
{
    long long n = f->batch ? -1 : 1;
    int arrays = 0;
    for (Py_ssize_t k = 0; k < f->count; k++) {
        const Node *tree = f->inputs[k];
        if (!f->batched[k] && !is_ndarray(arguments[k])) {
            double *to = room(call, tree->numbers);
            call->starts[k] = to;
            if (!to || !copy(&tree, arguments[k], &to))
                return NULL;
            continue;
        }
        if (!is_ndarray(arguments[k]) || (tree->parts < 0 && !f->batched[k])) /* one of no axes is a number */
            return NULL;
        call->starts[k] = view(call, tree, arguments[k], 0, f->batched[k], &n);
        if (!call->starts[k])
            return NULL;
        arrays = 1;
    }
    call->read = call->viewed;
    if (n < 1 || (n > f->most && !(out && f->rowwise)))
        return NULL;
    if (out) {
        Py_ssize_t first = 0;
        return view_out(f, call, f->outputs, out, &first, n, arrays) ? written(f, call, out, n) : NULL;
    }
    const Node *tree = f->outputs;
    if (arrays) {
        PyObject *samples = PyLong_FromLongLong(n), *result = NULL;
        PyObject *size = PyLong_FromLongLong(tree->numbers * (f->rowwise ? n : 1));
        PyObject *array = samples && size ? PyObject_CallFunctionObjArgs(empty, size, NULL) : NULL;
        Py_buffer *made = &call->views[call->viewed];
        if (array && call->viewed < MOST_VIEWS && !PyObject_GetBuffer(array, made, PyBUF_WRITABLE)) {
            const double *from = made->buf;
            call->viewed++;
            if (run(f, call, 0, n, made->buf, NULL))
                result = f->rowwise ? PyObject_CallFunctionObjArgs(f->arrays, array, samples, NULL)
                                    : built(&tree, &from, array, from);
        }
        Py_XDECREF(samples);
        Py_XDECREF(size);
        Py_XDECREF(array);
        return result;
    }
    double *outputs = room(call, tree->numbers);
    const double *from = outputs;
    return outputs && run(f, call, 0, n, outputs, NULL) ? built(&tree, &from, NULL, NULL) : NULL;
}

/* Call the program with `count` arguments and `out`, which may be NULL; NULL without an error set as above. */
static PyObject *shortcut(Function *f, PyObject *const *arguments, Py_ssize_t count, PyObject *out)
{
    if (count != f->count)
        return NULL;
    if (out == Py_None)
        out = NULL;
    Call call;
    call.viewed = call.asked = call.allocations = 0;
    call.used = 0;
    call.work = NULL;
    Py_XINCREF(out); /* a dictionary of the caller's may have lost it meanwhile */
    PyObject *result = called(f, arguments, out, &call);
    Py_XDECREF(out);
    end(f, &call);
    return result;
}

/* For calls with a tuple and a dictionary, which stay during the call: what is in them is borrowed. */
static PyObject *call_with_tuple(PyObject *self, PyObject *arguments, PyObject *keywords)
{
    Function *f = (Function *)self;
    PyObject *items[MOST_ARGUMENTS], *out = NULL, *result = NULL;
    Py_ssize_t count = PyTuple_Size(arguments);
    if (keywords)
        out = PyDict_GetItemString(keywords, "out");
    if (count == f->count && (!keywords || PyDict_Size(keywords) == (out != NULL))) {
        for (Py_ssize_t i = 0; i < count; i++)
            items[i] = PyTuple_GetItem(arguments, i);
        result = shortcut(f, items, count, out);
    }
    return result || PyErr_Occurred() ? result : PyObject_Call(f->general, arguments, keywords);
}

/* Call `general` with arguments in a row, the last of which have names. */
static PyObject *call_general(Function *f, PyObject *const *arguments, Py_ssize_t count, PyObject *names)
{
    PyObject *tuple = PyTuple_New(count), *keywords = names ? PyDict_New() : NULL, *result = NULL;
    for (Py_ssize_t i = 0; tuple && i < count; i++)
        PyTuple_SetItem(tuple, i, Py_NewRef(arguments[i]));
    int failed = !tuple || (names && !keywords);
    for (Py_ssize_t i = 0; keywords && !failed && i < PyTuple_Size(names); i++)
        failed = PyDict_SetItem(keywords, PyTuple_GetItem(names, i), arguments[count + i]);
    if (!failed)
        result = PyObject_Call(f->general, tuple, keywords);
    Py_XDECREF(tuple);
    Py_XDECREF(keywords);
    return result;
}

/* For calls with arguments in a row, by far the most: PEP 590. */
static PyObject *call_with_vector(PyObject *self, PyObject *const *arguments, size_t flags, PyObject *names)
{
    Function *f = (Function *)self;
    Py_ssize_t count = (Py_ssize_t)(flags & ~FREE_PLACE), named = names ? TUPLE_SIZE(names) : 0;
    PyObject *result = NULL;
    if (!named)
        result = shortcut(f, arguments, count, NULL);
    else if (named == 1 && PyUnicode_CompareWithASCIIString(TUPLE_ITEM(names, 0), "out") == 0)
        result = shortcut(f, arguments, count, arguments[count]);
    return result || PyErr_Occurred() ? result : call_general(f, arguments, count, names);
}

/* The rest of the type: a function to inspect, help, copy, pickle and weakref -------------------------------------- */

/* No tp_clear: only attributes can point back, also those of `general`, and dictionaries clear themselves. All else
   stays: the function can still be called. */
static int traverse(PyObject *self, visitproc visit, void *arg)
{
    Function *f = (Function *)self;
    Py_VISIT(Py_TYPE(self));
    Py_VISIT(f->general);
    Py_VISIT(f->arrays);
    Py_VISIT(f->library);
    Py_VISIT(f->attributes);
    return 0;
}

static void dealloc(PyObject *self)
{
    Function *f = (Function *)self;
    PyTypeObject *type = Py_TYPE(self);
    PyObject_GC_UnTrack(self);
    if (f->references)
        PyObject_ClearWeakRefs(self);
    Py_XDECREF(f->attributes);
    Py_XDECREF(f->general);
    Py_XDECREF(f->arrays);
    Py_XDECREF(f->library);
    for (Py_ssize_t k = 0; k < MOST_ARGUMENTS; k++)
        PyMem_Free(f->inputs[k]);
    PyMem_Free(f->outputs);
    PyMem_Free(f->work);
    ((freefunc)PyType_GetSlot(type, Py_tp_free))(self);
    Py_DECREF(type);
}

static PyObject *new(PyTypeObject *type, PyObject *arguments, PyObject *keywords)
{
    PyObject *general, *arrays, *library, *address, *inputs, *outputs, *batched;
    int rowwise;
    Py_ssize_t work_bytes;
    long long most, most_alone, chunk;
    if (keywords && PyDict_Size(keywords)) {
        PyErr_SetString(PyExc_TypeError, "CompiledFunction takes no keywords");
        return NULL;
    }
    if (!PyArg_ParseTuple(arguments, "OOOO!nO!OO!pLLL", &general, &arrays, &library, &PyLong_Type, &address,
            &work_bytes, &PyList_Type, &inputs, &outputs, &PyList_Type, &batched, &rowwise, &most, &most_alone,
            &chunk))
        return NULL;
    Py_ssize_t count = PyList_Size(inputs);
    if (count > MOST_ARGUMENTS || count != PyList_Size(batched)) {
        PyErr_Format(PyExc_ValueError, "a CompiledFunction has at most %d arguments", MOST_ARGUMENTS);
        return NULL;
    }
    Function *f = (Function *)((allocfunc)PyType_GetSlot(type, Py_tp_alloc))(type, 0); /* its memory is all zeros */
    if (!f)
        return NULL;
    f->vectorcall = call_with_vector;
    f->general = Py_NewRef(general);
    f->arrays = Py_NewRef(arrays);
    f->library = Py_NewRef(library);
    f->program = (Program *)(uintptr_t)PyLong_AsVoidPtr(address);
    f->work_bytes = work_bytes;
    f->rowwise = rowwise;
    f->most = most;
    f->most_alone = most_alone;
    f->outputs = described(outputs);
    for (f->count = 0; f->outputs && f->count < count; f->count++) {
        Node *tree = f->inputs[f->count] = described(PyList_GetItem(inputs, f->count));
        f->batched[f->count] = PyObject_IsTrue(PyList_GetItem(batched, f->count)) == 1;
        if (!tree)
            break;
        f->batch |= f->batched[f->count];
        f->copied += f->batched[f->count] ? 0 : tree->numbers;
    }
    if (PyErr_Occurred()) {
        Py_DECREF(f);
        return NULL;
    }
    long long fit = f->outputs->numbers ? (ON_THE_STACK - f->copied) / f->outputs->numbers : 0; /* on the stack */
    f->chunk = fit > chunk ? fit - fit % chunk : chunk;
    return (PyObject *)f;
}

/* Make a method of it where it is an attribute of a class, as of functions. */
static PyObject *bound(PyObject *self, PyObject *object, PyObject *type)
{
    (void)type;
    return object && object != Py_None ? PyObject_CallFunctionObjArgs(method, self, object, NULL) : Py_NewRef(self);
}

static PyObject *repr(PyObject *self) { return PyUnicode_FromFormat("<function compiled at %p>", (void *)self); }

static PyObject *itself(PyObject *self, PyObject *ignored)
{
    (void)ignored;
    return Py_NewRef(self);
}

static PyObject *name(PyObject *self, PyObject *ignored) /* by which pickle does not find it, as it says */
{
    (void)ignored;
    return PyObject_GetAttrString(self, "__qualname__");
}

static PyMethodDef methods[] = {
    {"__copy__", itself, METH_NOARGS, NULL},
    {"__deepcopy__", itself, METH_O, NULL},
    {"__reduce__", name, METH_NOARGS, NULL},
    {0},
};
static PyGetSetDef attributes[] = {
    {"__dict__", PyObject_GenericGetDict, PyObject_GenericSetDict, NULL, NULL},
    {0},
};
static PyMemberDef offsets[] = {
    {"__dictoffset__", T_PYSSIZET, offsetof(Function, attributes), READONLY, NULL},
    {"__weaklistoffset__", T_PYSSIZET, offsetof(Function, references), READONLY, NULL},
    {"__vectorcalloffset__", T_PYSSIZET, offsetof(Function, vectorcall), READONLY, NULL},
    {0},
};
static PyType_Slot slots[] = {
    {Py_tp_new, new},
    {Py_tp_dealloc, dealloc},
    {Py_tp_traverse, traverse},
    {Py_tp_call, call_with_tuple},
    {Py_tp_repr, repr},
    {Py_tp_descr_get, bound},
    {Py_tp_methods, methods},
    {Py_tp_getset, attributes},
    {Py_tp_members, offsets},
    {0, NULL},
};
static PyType_Spec spec = {
    .name = "autograd._native.core.CompiledFunction",
    .basicsize = sizeof(Function),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | HAVE_VECTORCALL,
    .slots = slots,
};

/* Add CompiledFunction to the module; -1 with an error set if that fails. */
int add_calls(PyObject *module)
{
    PyObject *types = PyImport_ImportModule("types");
    method = types ? PyObject_GetAttrString(types, "MethodType") : NULL; /* kept for good */
    Py_XDECREF(types);
    PyObject *type = method ? PyType_FromSpec(&spec) : NULL;
    int failed = type ? PyModule_AddObjectRef(module, "CompiledFunction", type) : -1;
    Py_XDECREF(type);
    return failed ? failed : PyModule_AddIntConstant(module, "MOST_ARGUMENTS", MOST_ARGUMENTS);
}
