/* The engine in C: what `engine.py` does, behind the same names, with the same bits and the same words.

   Read `engine.py` first: it is the reference, and complete. This file has what is called for every node: making one,
   freeing it, finding the graph of an output, pulling gradients back. All else (errors in words, labels, comparisons,
   listeners, pickles) stays in Python. Where something is out of the ordinary, a function here calls the one in Python
   that it stands for, which begins anew: so there is one text of each message, and one place for each rare case.

   `rules.h` has the functions and the derivative rules of the table, generated from it; those of the four operations
   that take any number of operands are below. Rules of operations that users add are called in Python.

   Who owns what. A node owns its operands, its label, and its operation if a user added that; the table's own live as
   long as this module. Edges point to older nodes only, so there are no cycles, and nodes are not the garbage
   collector's, but for results of a user's operation, whose rule may refer to them, and what is computed from these.
   Numbers are in the nodes: a constant is no object. All state is static and protected by the interpreter's
   lock: so there is one copy of this module in a process, and none in a build of Python without that lock. */

#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <structmember.h>

#include "rules.h"

#if defined(__GNUC__)
/* Not calls of functions: the option -fno-builtin, by which functions of numbers keep the bits of Python's, is for all. */
#define memcpy __builtin_memcpy
#define memset __builtin_memset
#define ALWAYS_INLINE inline __attribute__((always_inline))
#define SELDOM(condition) __builtin_expect(!!(condition), 0)
#else
#define ALWAYS_INLINE __forceinline
#define SELDOM(condition) (condition)
#endif

#if defined(Py_LIMITED_API) /* these are functions there */
#define FLOAT_OF PyFloat_AsDouble
#define LIST_ITEM PyList_GetItem
#define LIST_SIZE PyList_Size
#define TUPLE_ITEM PyTuple_GetItem
#define TUPLE_SIZE PyTuple_Size
#else
#define FLOAT_OF PyFloat_AS_DOUBLE
#define LIST_ITEM PyList_GET_ITEM
#define LIST_SIZE PyList_GET_SIZE
#define TUPLE_ITEM PyTuple_GET_ITEM
#define TUPLE_SIZE PyTuple_GET_SIZE
#endif

/* Nodes ------------------------------------------------------------------------------------------------------------ */

typedef struct Node Node;
typedef struct Many Many;

/* What Python's Op, its subclass, adds its attributes to. */
typedef struct {
    PyObject_HEAD
    const Row *row;  /* the functions in C; NULL for an operation that a user added */
    int operands;    /* 0: any number */
    int known;       /* the two above have been set */
} Operation;

typedef union {
    Node *node;          /* owned */
    double constant;
    Many *many;          /* x, if the operation takes more than two, or any number: owned */
    long long changed;   /* y, of a leaf: the place in the order of creation at which its number last changed */
} Operand;

struct Node {
    PyObject_HEAD
    double data, grad;
    double part;         /* the gradient that the running backward() has accumulated so far */
    Operation *op;       /* NULL for a leaf */
    Operand x, y;
    PyObject *label;     /* NULL for "" */
    PyObject *weak;      /* Python's list of weak references */
    unsigned long long order : 57; /* of creation */
    unsigned long long operands : 2; /* 0, 1, 2, or MANY */
    unsigned long long x_constant : 1, y_constant : 1;
    unsigned long long collected : 1; /* known to the garbage collector */
    unsigned long long visited : 1; /* only while a function walks the graph: 0 when it returns */
};

enum { MANY = 3 };

struct Many {
    Py_ssize_t count;
    Operand items[1]; /* `count` of them; then as many bytes, 1 for each that is a constant */
};

static unsigned char *constants_of(Many *many) { return (unsigned char *)(many->items + many->count); }

/* A gradient that nothing was added to: only rules that are none lead there. No arithmetic makes this nan. */
#define UNTOUCHED_BITS 0x7ff4a1b2c3d4e5f6ULL

static inline int is_untouched(double part)
{
    uint64_t bits;
    memcpy(&bits, &part, sizeof bits);
    return bits == UNTOUCHED_BITS;
}

static inline void make_untouched(Node *v)
{
    const uint64_t bits = UNTOUCHED_BITS;
    memcpy(&v->part, &bits, sizeof bits);
}

#include "memory.h"

static PyTypeObject *value_type, *operation_type;
static Operation *operation_of[ROWS_COUNT]; /* the rows of the table */
static long long next_order;                /* of creation */
static long long latest_change = -1;        /* of any leaf, in that order */
static int recording_listeners;             /* somebody listens to the event `recorded` */

/* What is called in Python; set when the engine has been loaded, and kept for good. */
static struct {
    PyObject *Value;                     /* the class in Python: its methods for all that is rare */
    PyObject *number, *operand;          /* to convert what is no float; the latter may give NotImplemented */
    PyObject *call;                      /* Op.__call__ */
    PyObject *graph_of, *record;
    PyObject *announce, *recorded, *pulled, *on_old_graph;
    PyObject *acquire, *release;         /* of the lock of backward passes; looked up once, because that takes memory */
} python;

#define IS_VALUE(object) (Py_TYPE(object) == value_type)

/* Return a node without operands: a leaf, to which callers give its operation. NULL with an error set. */
static ALWAYS_INLINE Node *new_node(double data, int collected)
{
    Node *v = SELDOM(collected) ? PyObject_GC_New(Node, value_type) : take_place();
    if (SELDOM(!v))
        return (Node *)PyErr_NoMemory();
    if (!collected) {
#if defined(Py_REF_DEBUG)
        PyObject_Init((PyObject *)v, value_type);
#else /* the type lives as long as this module: its nodes need not be counted */
        Py_SET_TYPE((PyObject *)v, value_type);
        Py_SET_REFCNT((PyObject *)v, 1);
#endif
    }
    v->data = data;
    v->grad = 0.0;
    v->op = NULL;
    v->label = v->weak = NULL;
    v->order = (unsigned long long)next_order++;
    v->operands = 0;
    v->x_constant = v->y_constant = 0;
    v->collected = collected != 0;
    v->visited = 0;
    v->y.changed = -1;
    return v;
}

/* Nodes that have died and are not freed yet, linked by the field `label`. Freeing a node may kill its operands: they are
   put here, too, so that the depth of a graph is no depth of calls. */
static Node *dying;
static int freeing;

static inline void expect_end(Node *v)
{
    if (SELDOM(v->collected))
        PyObject_GC_UnTrack((PyObject *)v);
    Py_XDECREF(v->label);
    v->label = (PyObject *)dying;
    dying = v;
}

static inline void let_go(Node *x)
{
#if !defined(Py_REF_DEBUG)
    if (Py_REFCNT((PyObject *)x) == 1) { /* as Py_DECREF would, by a shorter way */
        Py_SET_REFCNT((PyObject *)x, 0);
        expect_end(x);
        return;
    }
#endif
    Py_DECREF((PyObject *)x);
}

static void node_dealloc(PyObject *self)
{
    Node *v = (Node *)self;
    expect_end(v);
    if (freeing) /* within the loop below, by which it will be freed */
        return;
    freeing = 1;
    while ((v = dying)) {
        dying = (Node *)v->label;
        if (v->weak) {
            v->label = NULL; /* callbacks run, which may free other nodes */
            PyObject_ClearWeakRefs((PyObject *)v);
        }
        if (v->operands == MANY) {
            Many *many = v->x.many;
            const unsigned char *constant = constants_of(many);
            for (Py_ssize_t i = 0; i < many->count; i++)
                if (!constant[i])
                    let_go(many->items[i].node);
            PyMem_Free(many);
        } else if (v->operands) {
            if (!v->x_constant)
                let_go(v->x.node);
            if (v->operands == 2 && !v->y_constant)
                let_go(v->y.node);
        }
        if (v->op && SELDOM(!v->op->row))
            Py_DECREF((PyObject *)v->op);
        if (SELDOM(v->collected)) {
            PyObject_GC_Del(v);
            Py_DECREF((PyObject *)value_type);
            continue;
        }
#if defined(Py_REF_DEBUG)
        Py_DECREF((PyObject *)value_type);
#endif
        give_place_back(v);
    }
    freeing = 0;
}

/* What the garbage collector asks. A cycle leads through the operation of a user, which it clears. */

static int node_is_collected(PyObject *self) { return ((Node *)self)->collected; }

static int node_traverse(PyObject *self, visitproc visit, void *arg)
{
    Node *v = (Node *)self;
    Py_VISIT(Py_TYPE(self));
    Py_VISIT((PyObject *)v->op);
    if (v->operands == MANY) {
        for (Py_ssize_t i = 0; i < v->x.many->count; i++)
            if (!constants_of(v->x.many)[i])
                Py_VISIT((PyObject *)v->x.many->items[i].node);
    } else if (v->operands) {
        if (!v->x_constant)
            Py_VISIT((PyObject *)v->x.node);
        if (v->operands == 2 && !v->y_constant)
            Py_VISIT((PyObject *)v->y.node);
    }
    return 0;
}

/* Numbers ---------------------------------------------------------------------------------------------------------- */

enum Kind { FAILED = -1, CONSTANT, VALUE, NOT_IMPLEMENTED };

/* Convert, in Python, what is neither a Value nor a float. */
static enum Kind converted(PyObject *object, PyObject *convert, double *number)
{
    if (PyLong_CheckExact(object)) {
        *number = PyLong_AsDouble(object);
        if (*number != -1.0 || !PyErr_Occurred())
            return CONSTANT;
        PyErr_Clear(); /* too large: Python says it in better words */
    }
    Py_INCREF(object); /* the list that it is in may let go of it */
    PyObject *x = PyObject_CallFunctionObjArgs(convert, object, NULL);
    Py_DECREF(object);
    if (!x)
        return FAILED;
    enum Kind kind = x == Py_NotImplemented ? NOT_IMPLEMENTED : CONSTANT;
    if (kind == CONSTANT) {
        *number = PyFloat_AsDouble(x);
        if (*number == -1.0 && PyErr_Occurred())
            kind = FAILED;
    }
    Py_DECREF(x);
    return kind;
}

/* Read the number of an operand. */
static ALWAYS_INLINE enum Kind read_number(PyObject *object, PyObject *convert, double *number)
{
    if (IS_VALUE(object)) {
        *number = ((Node *)object)->data;
        return VALUE;
    }
    if (PyFloat_CheckExact(object)) {
        *number = FLOAT_OF(object);
        return CONSTANT;
    }
    return converted(object, convert, number);
}

/* Return an operand of a node as Python sees it: a Value, or a float. A new reference. */
static PyObject *operand_object(Operand x, int constant)
{
    if (constant)
        return PyFloat_FromDouble(x.constant);
    Py_INCREF((PyObject *)x.node);
    return (PyObject *)x.node;
}

static ALWAYS_INLINE double number_of(Operand x, int constant) { return constant ? x.constant : x.node->data; }

/* Recording -------------------------------------------------------------------------------------------------------- */

/* Return a new result to whoever called the operation; those who listen hear of it first. Takes over the reference. */
static ALWAYS_INLINE PyObject *recorded(Node *v)
{
    if (SELDOM(recording_listeners) && v) {
        PyObject *told = PyObject_CallFunctionObjArgs(python.announce, python.recorded, (PyObject *)v, NULL);
        if (!told) {
            Py_DECREF((PyObject *)v);
            return NULL;
        }
        Py_DECREF(told);
    }
    return (PyObject *)v;
}

static ALWAYS_INLINE void set_operand(Operand *x, PyObject *object, enum Kind kind, double number)
{
    if (kind == VALUE) {
        Py_INCREF(object);
        x->node = (Node *)object;
    } else
        x->constant = number;
}

static ALWAYS_INLINE int is_collected(PyObject *object, enum Kind kind)
{
    return kind == VALUE && ((Node *)object)->collected;
}

/* A result that has its operands becomes known to the garbage collector, if it is to be. */
static ALWAYS_INLINE Node *complete(Node *v)
{
    if (SELDOM(v->collected))
        PyObject_GC_Track((PyObject *)v);
    return v;
}

static ALWAYS_INLINE Node *result_of_one(Operation *op, double data, PyObject *a, enum Kind a_kind, double x)
{
    Node *v = new_node(data, is_collected(a, a_kind));
    if (SELDOM(!v))
        return NULL;
    v->op = op;
    v->operands = 1;
    v->x_constant = a_kind != VALUE;
    set_operand(&v->x, a, a_kind, x);
    return complete(v);
}

static ALWAYS_INLINE Node *result_of_two(
    Operation *op, double data, PyObject *a, enum Kind a_kind, double x, PyObject *b, enum Kind b_kind, double y)
{
    Node *v = new_node(data, is_collected(a, a_kind) || is_collected(b, b_kind));
    if (SELDOM(!v))
        return NULL;
    v->op = op;
    v->operands = 2;
    v->x_constant = a_kind != VALUE;
    v->y_constant = b_kind != VALUE;
    set_operand(&v->x, a, a_kind, x);
    set_operand(&v->y, b, b_kind, y);
    return complete(v);
}

static Many *new_many(Py_ssize_t count)
{
    size_t bytes = offsetof(Many, items) + (size_t)count * (sizeof(Operand) + 1);
    Many *many = PyMem_Malloc(bytes < sizeof(Many) ? sizeof(Many) : bytes);
    if (!many)
        PyErr_NoMemory();
    else
        many->count = count;
    return many;
}

/* Free operands that no node has got: the first `count` have been filled in. */
static void drop_many(Many *many, Py_ssize_t count)
{
    for (Py_ssize_t i = 0; i < count; i++)
        if (!constants_of(many)[i])
            Py_DECREF((PyObject *)many->items[i].node);
    PyMem_Free(many);
}

/* The number that a function in Python returns for the numbers of these operands. Return 0 with an error set. */
static int computed_in_python(Operation *op, Many *many, double *data)
{
    PyObject *numbers = PyTuple_New(many->count);
    for (Py_ssize_t i = 0; numbers && i < many->count; i++) {
        PyObject *x = PyFloat_FromDouble(number_of(many->items[i], constants_of(many)[i]));
        if (!x || PyTuple_SetItem(numbers, i, x) < 0)
            Py_CLEAR(numbers);
    }
    PyObject *computes = numbers ? PyObject_GetAttrString((PyObject *)op, "computes") : NULL;
    PyObject *z = computes ? PyObject_CallObject(computes, numbers) : NULL;
    enum Kind kind = z ? read_number(z, python.number, data) : FAILED;
    if (kind == VALUE) { /* `number` refuses it */
        Py_XDECREF(PyObject_CallFunctionObjArgs(python.number, z, NULL));
        kind = PyErr_Occurred() ? FAILED : CONSTANT;
    }
    Py_XDECREF(z);
    Py_XDECREF(computes);
    Py_XDECREF(numbers);
    return kind == CONSTANT;
}

/* The operations on any number of operands, strictly from left to right. */

static double sum_of(Many *many)
{
    const unsigned char *constant = constants_of(many);
    double total = 0.0;
    for (Py_ssize_t i = 0; i < many->count; i++)
        total += number_of(many->items[i], constant[i]);
    return total;
}

static double dot_of(Many *many)
{
    const Py_ssize_t half = many->count / 2;
    const Operand *xs = many->items, *ys = xs + half;
    const unsigned char *x_constant = constants_of(many), *y_constant = x_constant + half;
    double total = 0.0;
    for (Py_ssize_t i = 0; i < half; i++)
        total += number_of(xs[i], x_constant[i]) * number_of(ys[i], y_constant[i]);
    return total;
}

/* Of equal numbers the last: 0.0 and -0.0 are equal. `sign` is -1.0 for the smallest. */
static double largest_of(Many *many, double sign)
{
    const unsigned char *constant = constants_of(many);
    double found = number_of(many->items[0], constant[0]);
    for (Py_ssize_t i = 0; i < many->count; i++) {
        double x = number_of(many->items[i], constant[i]);
        if (x != x)
            return x;
        if (sign * x >= sign * found)
            found = x;
    }
    return found;
}

/* Compute an operation on any operands. Return 0 with an error set. */
static int compute(Operation *op, Many *many, double *data)
{
    const Row *row = op->row;
    if (row && row->computes && many->count == row->operands) {
        double x[3] = {0.0, 0.0, 0.0};
        for (Py_ssize_t i = 0; i < many->count; i++)
            x[i] = number_of(many->items[i], constants_of(many)[i]);
        *data = row->computes(x[0], x[1], x[2]);
        return 1;
    }
    switch (row && many->count ? row - ROWS : -1) {
    case ROW_sum:
        *data = sum_of(many);
        return 1;
    case ROW_dot:
        *data = dot_of(many);
        return 1;
    case ROW_largest:
        *data = largest_of(many, 1.0);
        return 1;
    case ROW_smallest:
        *data = largest_of(many, -1.0);
        return 1;
    default:
        return computed_in_python(op, many, data);
    }
}

/* Return a result with these operands, which it takes over: one or two are put into the node. */
static Node *node_of(Operation *op, double data, Many *many)
{
    const Py_ssize_t count = many->count;
    const unsigned char *constant = constants_of(many);
    int collected = !op->row;
    for (Py_ssize_t i = 0; i < count; i++)
        collected |= !constant[i] && many->items[i].node->collected;
    Node *v = new_node(data, collected);
    if (!v) {
        drop_many(many, count);
        return NULL;
    }
    v->op = op;
    if (!op->row)
        Py_INCREF((PyObject *)op);
    if (count == op->operands && (count == 1 || count == 2)) {
        v->operands = (unsigned)count;
        v->x = many->items[0];
        v->x_constant = constant[0];
        if (count == 2) {
            v->y = many->items[1];
            v->y_constant = constant[1];
        }
        PyMem_Free(many);
    } else {
        v->operands = MANY;
        v->x.many = many;
    }
    return complete(v);
}

/* Read operands from lists and tuples, one after another. What is neither Value nor float is converted; if that takes
   Python, and only plain operands are wanted, they are left unread. NULL with an error, or without one if unread. */
static Many *many_from(PyObject *const *sequences, Py_ssize_t how_many, int only_plain, int *values)
{
    Py_ssize_t count = 0, filled = 0;
    for (Py_ssize_t s = 0; s < how_many; s++)
        count += PyList_Check(sequences[s]) ? LIST_SIZE(sequences[s]) : TUPLE_SIZE(sequences[s]);
    Many *many = new_many(count);
    if (!many)
        return NULL;
    unsigned char *constant = constants_of(many);
    for (Py_ssize_t s = 0; s < how_many; s++) {
        PyObject *sequence = sequences[s];
        const int list = PyList_Check(sequence);
        Py_ssize_t size = list ? LIST_SIZE(sequence) : TUPLE_SIZE(sequence);
        for (Py_ssize_t i = 0; i < size; i++, filled++) {
            PyObject *object = list ? LIST_ITEM(sequence, i) : TUPLE_ITEM(sequence, i);
            if (IS_VALUE(object)) {
                Py_INCREF(object);
                many->items[filled].node = (Node *)object;
                constant[filled] = 0;
                *values = 1;
                continue;
            }
            constant[filled] = 1;
            if (PyFloat_CheckExact(object)) {
                many->items[filled].constant = FLOAT_OF(object);
                continue;
            }
            const int unread = only_plain && !PyLong_CheckExact(object);
            if (unread || converted(object, python.number, &many->items[filled].constant) == FAILED) {
                drop_many(many, filled);
                return NULL;
            }
            if (list && LIST_SIZE(sequence) < size) /* the conversion may have run any code */
                size = LIST_SIZE(sequence);
        }
    }
    if (SELDOM(filled < count)) { /* a list became shorter while a number in it was converted */
        drop_many(many, filled);
        return NULL;
    }
    return many;
}

/* Record an operation on these operands, which it takes over. */
static PyObject *record_on(Operation *op, Many *many)
{
    double data;
    if (compute(op, many, &data))
        return recorded(node_of(op, data, many));
    drop_many(many, many->count);
    return NULL;
}

/* Tell an operation how many operands it has. Return 0 with an error set. */
static int know(PyObject *op)
{
    if (((Operation *)op)->known)
        return 1;
    PyObject *arity = PyObject_GetAttrString(op, "arity");
    const long operands = arity && arity != Py_None ? PyLong_AsLong(arity) : 0;
    Py_XDECREF(arity);
    if (PyErr_Occurred())
        return 0;
    ((Operation *)op)->operands = (int)operands;
    return ((Operation *)op)->known = 1;
}

/* record(op, operands) */
static PyObject *record(PyObject *module, PyObject *const *args, Py_ssize_t count)
{
    if (count != 2 || !PyObject_TypeCheck(args[0], operation_type)) {
        PyErr_SetString(PyExc_TypeError, "record() takes an operation and its operands");
        return NULL;
    }
    if (!know(args[0]))
        return NULL;
    PyObject *operands = PyTuple_CheckExact(args[1]) ? Py_NewRef(args[1]) : PySequence_Tuple(args[1]);
    if (!operands)
        return NULL;
    int values = 0;
    Many *many = many_from(&operands, 1, 0, &values);
    Py_DECREF(operands);
    return many ? record_on((Operation *)args[0], many) : NULL;
}

/* Operations of one and two operands, as methods and operators. `row` is a constant where these are called: the compiler
   puts the function of the row in its place. */

static ALWAYS_INLINE PyObject *unary(int row, PyObject *a)
{
    double x = ((Node *)a)->data;
    return recorded(result_of_one(operation_of[row], ROWS[row].computes(x, 0.0, 0.0), a, VALUE, x));
}

static ALWAYS_INLINE PyObject *binary(int row, PyObject *a, PyObject *b)
{
    double x = 0.0, y = 0.0;
    enum Kind a_kind = read_number(a, python.operand, &x);
    enum Kind b_kind = a_kind == FAILED ? FAILED : read_number(b, python.operand, &y);
    if (SELDOM(a_kind == FAILED || b_kind == FAILED))
        return NULL;
    if (SELDOM(a_kind == NOT_IMPLEMENTED || b_kind == NOT_IMPLEMENTED))
        Py_RETURN_NOTIMPLEMENTED;
    return recorded(result_of_two(operation_of[row], ROWS[row].computes(x, y, 0.0), a, a_kind, x, b, b_kind, y));
}

static PyObject *node_add(PyObject *a, PyObject *b) { return binary(ROW_add, a, b); }
static PyObject *node_sub(PyObject *a, PyObject *b) { return binary(ROW_sub, a, b); }
static PyObject *node_mul(PyObject *a, PyObject *b) { return binary(ROW_mul, a, b); }
static PyObject *node_div(PyObject *a, PyObject *b) { return binary(ROW_div, a, b); }
static PyObject *node_mod(PyObject *a, PyObject *b) { return binary(ROW_mod, a, b); }
static PyObject *node_floordiv(PyObject *a, PyObject *b) { return binary(ROW_floordiv, a, b); }
static PyObject *node_neg(PyObject *a) { return unary(ROW_neg, a); }
static PyObject *node_abs(PyObject *a) { return unary(ROW_abs, a); }

static PyObject *node_pow(PyObject *a, PyObject *b, PyObject *modulus)
{
    if (modulus != Py_None) {
        if (!IS_VALUE(a))
            Py_RETURN_NOTIMPLEMENTED;
        PyErr_SetString(PyExc_TypeError, "Value.__pow__() takes 2 positional arguments but 3 were given");
        return NULL;
    }
    return binary(ROW_pow, a, b);
}

/* Call the method of the class in Python, for whatever is not as usual. */
static PyObject *method_in_python(
    const char *name, PyObject *self, PyObject *const *args, Py_ssize_t count, PyObject *names)
{
    PyObject *all = PyTuple_New(count + 1), *named = names ? PyDict_New() : NULL, *result = NULL;
    PyObject *method = PyObject_GetAttrString(python.Value, name);
    if (all && method && (named || !names)) {
        PyTuple_SetItem(all, 0, Py_NewRef(self));
        for (Py_ssize_t i = 0; i < count; i++)
            PyTuple_SetItem(all, i + 1, Py_NewRef(args[i]));
        int ready = 1;
        for (Py_ssize_t i = 0; named && ready && i < PyTuple_Size(names); i++)
            ready = PyDict_SetItem(named, PyTuple_GetItem(names, i), args[count + i]) == 0;
        if (ready)
            result = PyObject_Call(method, all, named);
    }
    Py_XDECREF(method);
    Py_XDECREF(named);
    Py_XDECREF(all);
    return result;
}

/* A method for each operation of one operand, `tanh_method`. */
#define METHOD(name)                                                                                                 \
    static PyObject *name##_method(PyObject *a, PyObject *const *args, Py_ssize_t count, PyObject *names)            \
    {                                                                                                                \
        return SELDOM(count || names) ? method_in_python(#name, a, args, count, names) : unary(ROW_##name, a);       \
    }
ROWS_OF_ONE(METHOD)
#undef METHOD

/* Calls of operations as functions: `tanh(x)`, `dot(xs, ys)`, `where(c, x, y)`. What is not as usual (names of
   arguments, defaults, other types, other counts, no Value at all in a list) is Python's. */

static PyObject *call_in_python(PyObject *op, PyObject *args, PyObject *named)
{
    Py_ssize_t count = PyTuple_Size(args);
    PyObject *all = PyTuple_New(count + 1), *result = NULL;
    if (all) {
        PyTuple_SetItem(all, 0, Py_NewRef(op));
        for (Py_ssize_t i = 0; i < count; i++)
            PyTuple_SetItem(all, i + 1, Py_NewRef(TUPLE_ITEM(args, i)));
        result = PyObject_Call(python.call, all, named);
        Py_DECREF(all);
    }
    return result;
}

static PyObject *operation_call(PyObject *self, PyObject *args, PyObject *named)
{
    Operation *op = (Operation *)self;
    const Py_ssize_t count = TUPLE_SIZE(args);
    PyObject *sequences[2] = {args, NULL};
    Py_ssize_t how_many = 1;
    if (!op->row || named)
        return call_in_python(self, args, named);
    if (op->operands == 0) {
        how_many = op->row - ROWS == ROW_dot ? 2 : 1;
        if (count != how_many)
            return call_in_python(self, args, named);
        for (Py_ssize_t i = 0; i < how_many; i++) {
            sequences[i] = TUPLE_ITEM(args, i);
            if (!PyList_CheckExact(sequences[i]) && !PyTuple_CheckExact(sequences[i]))
                return call_in_python(self, args, named);
        }
        if (how_many == 2 && PyObject_Size(sequences[0]) != PyObject_Size(sequences[1]))
            return call_in_python(self, args, named);
    } else if (count != op->operands)
        return call_in_python(self, args, named);
    int values = 0;
    Many *many = many_from(sequences, how_many, 1, &values);
    if (many && values)
        return record_on(op, many);
    if (many)
        drop_many(many, many->count);
    return PyErr_Occurred() ? NULL : call_in_python(self, args, named);
}

/* new_node(op, data, x, y=None): a node from its parts, x a tuple if there are more than two operands */
static PyObject *new_node_from_parts(PyObject *module, PyObject *const *args, Py_ssize_t count)
{
    if (count < 3 || count > 4 || !PyObject_TypeCheck(args[0], operation_type) || !PyFloat_Check(args[1])) {
        PyErr_SetString(PyExc_TypeError, "new_node() takes an operation, a float, and operands");
        return NULL;
    }
    if (!know(args[0]))
        return NULL;
    PyObject *operands = PyTuple_CheckExact(args[2])           ? Py_NewRef(args[2])
                         : count == 3 || args[3] == Py_None ? PyTuple_Pack(1, args[2])
                                                            : PyTuple_Pack(2, args[2], args[3]);
    int values = 0;
    Many *many = operands ? many_from(&operands, 1, 0, &values) : NULL;
    Py_XDECREF(operands);
    return many ? (PyObject *)node_of((Operation *)args[0], PyFloat_AsDouble(args[1]), many) : NULL;
}

/* Making leaves, and attributes ------------------------------------------------------------------------------------ */

static int set_label(Node *v, PyObject *label)
{
    PyObject *text = NULL;
    if (label != Py_None && !(text = PyUnicode_FromObject(label))) /* of a subclass, which may point back, its text */
        return -1;
    if (text && PyUnicode_GetLength(text) == 0)
        Py_CLEAR(text);
    PyObject *old = v->label;
    v->label = text;
    Py_XDECREF(old);
    return 0;
}

/* Value(data), Value(data, label); all else is the class in Python's to accept or refuse. */
static PyObject *node_new(PyTypeObject *type, PyObject *args, PyObject *named)
{
    if (type != value_type) {
        PyErr_SetString(PyExc_TypeError, "use autograd.Value");
        return NULL;
    }
    const Py_ssize_t count = TUPLE_SIZE(args);
    if (!named && (count == 1 || count == 2)) {
        PyObject *data = TUPLE_ITEM(args, 0), *label = count == 2 ? TUPLE_ITEM(args, 1) : NULL;
        double number;
        if ((PyFloat_CheckExact(data) || PyLong_CheckExact(data)) && (!label || PyUnicode_CheckExact(label))) {
            if (read_number(data, python.number, &number) == FAILED)
                return NULL;
            Node *v = new_node(number, 0);
            if (v && label && set_label(v, label) < 0)
                Py_CLEAR(v);
            return (PyObject *)v;
        }
    }
    PyObject *made = PyObject_Call(python.Value, args, named);
    PyObject *data = made ? PyObject_GetAttrString(made, "data") : NULL;
    PyObject *label = data ? PyObject_GetAttrString(made, "label") : NULL;
    Node *v = label ? new_node(PyFloat_AsDouble(data), 0) : NULL;
    if (v && set_label(v, label) < 0)
        Py_CLEAR(v);
    Py_XDECREF(label);
    Py_XDECREF(data);
    Py_XDECREF(made);
    return (PyObject *)v;
}

static PyObject *get_data(PyObject *self, void *closure) { return PyFloat_FromDouble(((Node *)self)->data); }
static PyObject *get_grad(PyObject *self, void *closure) { return PyFloat_FromDouble(((Node *)self)->grad); }
static PyObject *get_order(PyObject *self, void *closure) { return PyLong_FromLongLong(((Node *)self)->order); }

static PyObject *get_label(PyObject *self, void *closure)
{
    PyObject *label = ((Node *)self)->label;
    return label ? Py_NewRef(label) : PyUnicode_FromStringAndSize(NULL, 0);
}

static PyObject *get_op(PyObject *self, void *closure)
{
    Operation *op = ((Node *)self)->op;
    return Py_NewRef(op ? (PyObject *)op : Py_None);
}

static PyObject *get_args(PyObject *self, void *closure)
{
    Node *v = (Node *)self;
    const Py_ssize_t count = v->operands == MANY ? v->x.many->count : v->operands;
    PyObject *args = PyTuple_New(count);
    for (Py_ssize_t i = 0; args && i < count; i++) {
        PyObject *x = v->operands == MANY ? operand_object(v->x.many->items[i], constants_of(v->x.many)[i])
                      : i == 0            ? operand_object(v->x, v->x_constant)
                                          : operand_object(v->y, v->y_constant);
        if (!x || PyTuple_SetItem(args, i, x) < 0)
            Py_CLEAR(args);
    }
    return args;
}

static PyObject *get_x(PyObject *self, void *closure)
{
    Node *v = (Node *)self;
    if (v->operands == MANY)
        return get_args(self, closure);
    return v->operands ? operand_object(v->x, v->x_constant) : Py_NewRef(Py_None);
}

static PyObject *get_y(PyObject *self, void *closure)
{
    Node *v = (Node *)self;
    if (!v->operands)
        return PyLong_FromLongLong(v->y.changed);
    return v->operands == 2 ? operand_object(v->y, v->y_constant) : Py_NewRef(Py_None);
}

static long long place_of_next_change(void) { return latest_change = next_order++; }

/* The setters of the attributes in Python, for all that is not as usual: `closure` is the property of the class there. */
static int set_in_python(PyObject *self, PyObject *x, PyObject *property)
{
    PyObject *done = x ? PyObject_CallMethod(property, "__set__", "OO", self, x)
                       : PyObject_CallMethod(property, "__delete__", "O", self);
    Py_XDECREF(done);
    return done ? 0 : -1;
}

static int set_data_as_user(PyObject *self, PyObject *x, void *property)
{
    Node *v = (Node *)self;
    if (!x || !PyFloat_CheckExact(x))
        return set_in_python(self, x, property);
    if (!v->op)
        v->y.changed = place_of_next_change();
    v->data = FLOAT_OF(x);
    return 0;
}

static int set_grad_as_user(PyObject *self, PyObject *x, void *property)
{
    if (!x || !PyFloat_CheckExact(x))
        return set_in_python(self, x, property);
    ((Node *)self)->grad = FLOAT_OF(x);
    return 0;
}

static int set_label_as_user(PyObject *self, PyObject *x, void *property)
{
    return x && PyUnicode_CheckExact(x) ? set_label((Node *)self, x) : set_in_python(self, x, property);
}

static int set_as_user(PyObject *self, PyObject *x, void *property) { return set_in_python(self, x, property); }

/* The setters of the slots, for the engine: nothing is checked but that these are numbers. */

static int set_double(double *target, PyObject *x)
{
    double number = x ? PyFloat_AsDouble(x) : -1.0;
    if (!x)
        PyErr_SetString(PyExc_AttributeError, "a slot of a Value cannot be deleted");
    if (number == -1.0 && PyErr_Occurred())
        return -1;
    *target = number;
    return 0;
}

static int set_data(PyObject *self, PyObject *x, void *closure) { return set_double(&((Node *)self)->data, x); }
static int set_grad(PyObject *self, PyObject *x, void *closure) { return set_double(&((Node *)self)->grad, x); }

static int set_label_slot(PyObject *self, PyObject *x, void *closure) { return set_label((Node *)self, x ? x : Py_None); }

static int set_changed(PyObject *self, PyObject *x, void *closure)
{
    Node *v = (Node *)self;
    long long place = x ? PyLong_AsLongLong(x) : -1;
    if (place == -1 && PyErr_Occurred())
        return -1;
    if (!v->op)
        v->y.changed = place;
    return 0;
}

static PyGetSetDef slots_of_nodes[] = {
    {"_data", get_data, set_data, NULL, NULL},
    {"_grad", get_grad, set_grad, NULL, NULL},
    {"_label", get_label, set_label_slot, NULL, NULL},
    {"_made_by", get_op, NULL, NULL, NULL},
    {"_order", get_order, NULL, NULL, NULL},
    {"_x", get_x, NULL, NULL, NULL},
    {"_y", get_y, set_changed, NULL, NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

/* Walking the graph ------------------------------------------------------------------------------------------------ */

typedef struct {
    Node **nodes;
    Py_ssize_t count, room;
    Node *few[128]; /* where the graph is small, nothing is allocated */
} Nodes;

typedef struct {
    Nodes made;    /* the results, newest first */
    Nodes leaves;  /* in any order */
    int for_pulls; /* backward() walks: it has its turn, and no gradient has touched the nodes yet */
    int in_c;      /* no operation among them is a user's, whose rules are in Python */
} Graph;

static void start_nodes(Nodes *list)
{
    list->nodes = list->few;
    list->count = 0;
    list->room = sizeof list->few / sizeof *list->few;
}

static void free_nodes(Nodes *list)
{
    if (list->nodes != list->few)
        PyMem_Free(list->nodes);
}

static void free_graph(Graph *graph)
{
    free_nodes(&graph->made);
    free_nodes(&graph->leaves);
}

/* Make room for more, of which the first `count` are kept. Return 0 if there is no memory. */
static int grow(Nodes *list, Py_ssize_t count, Py_ssize_t room)
{
    Node **more = PyMem_Malloc((size_t)room * sizeof(Node *));
    if (!more)
        return 0;
    memcpy(more, list->nodes, (size_t)count * sizeof(Node *));
    free_nodes(list);
    list->nodes = more;
    list->room = room;
    return 1;
}

static ALWAYS_INLINE int append(Nodes *list, Node *v)
{
    if (SELDOM(list->count == list->room) && !grow(list, list->count, 2 * list->count))
        return 0;
    list->nodes[list->count++] = v;
    return 1;
}

static ALWAYS_INLINE void found(Graph *graph, Node *v)
{
    if (graph->for_pulls)
        make_untouched(v);
    if (v->op && SELDOM(!v->op->row))
        graph->in_c = 0;
}

/* List a leaf, unless it has been. Return 0 if there is no memory. */
static ALWAYS_INLINE int list_leaf(Graph *graph, Node *v)
{
    if (v->visited)
        return 1;
    if (!append(&graph->leaves, v))
        return 0;
    v->visited = 1;
    found(graph, v);
    return 1;
}

static void leave(Nodes *nodes)
{
    for (Py_ssize_t i = 0; i < nodes->count; i++)
        nodes->nodes[i]->visited = 0;
}

/* Call VISIT(x) for each operand of v that is a node. */
#define EACH_OPERAND(v, VISIT)                                                                                       \
    if ((v)->operands == MANY) {                                                                                     \
        const Many *many = (v)->x.many;                                                                              \
        const unsigned char *constant = constants_of((Many *)many);                                                  \
        for (Py_ssize_t k = 0; k < many->count; k++)                                                                 \
            if (!constant[k])                                                                                        \
                VISIT(many->items[k].node);                                                                          \
    } else {                                                                                                         \
        if (!(v)->x_constant)                                                                                        \
            VISIT((v)->x.node);                                                                                      \
        if ((v)->operands == 2 && !(v)->y_constant)                                                                  \
            VISIT((v)->y.node);                                                                                      \
    }

/* The usual way. Results of one program have nearly every place in the order of creation. So a table of these places,
   newest first, is a list of what is to be visited, the set of what has been, and sorted, all in one pass over the nodes.
   Return 1; 0 if the nodes are too far apart for a table; -1 if there is no memory. */
static int walk_closely(Graph *graph, Node *output)
{
    enum { NEAR = 1 << 14, GAPS = 4 }; /* the table has at most this many places, and so many for each node that lives */
    Nodes *table = &graph->made;
    Py_ssize_t reach = 1, count = 0; /* places that have been set, and nodes that have been visited: these are in front */
    const Py_ssize_t highest = (Py_ssize_t)output->order;
    table->nodes[0] = output;
    found(graph, output);
#define VISIT(operand)                                                                                               \
    do {                                                                                                             \
        Node *x = (operand);                                                                                         \
        if (!x->op) {                                                                                                \
            if (!list_leaf(graph, x))                                                                                \
                return -1;                                                                                           \
            break;                                                                                                   \
        }                                                                                                            \
        const Py_ssize_t at = highest - (Py_ssize_t)x->order;                                                        \
        if (at >= reach) {                                                                                           \
            if (SELDOM(at >= table->room)) {                                                                         \
                if (at >= NEAR + GAPS * living)                                                                      \
                    return 0;                                                                                  \
                if (!grow(table, reach, 2 * at))                                                                     \
                    return -1;                                                                                       \
            }                                                                                                        \
            memset(table->nodes + reach, 0, (size_t)(at + 1 - reach) * sizeof(Node *));                              \
            reach = at + 1;                                                                                          \
        }                                                                                                            \
        if (!table->nodes[at]) {                                                                                     \
            table->nodes[at] = x;                                                                                    \
            found(graph, x);                                                                                         \
        }                                                                                                            \
    } while (0)
    for (Py_ssize_t i = 0; i < reach; i++) { /* operands are older, so their places come later */
        Node *v = table->nodes[i];
        if (!v)
            continue;
        table->nodes[count++] = v;
        EACH_OPERAND(v, VISIT)
    }
#undef VISIT
    table->count = count;
    return 1;
}

static int newest_first(const void *a, const void *b)
{
    const Node *v = *(Node *const *)a, *w = *(Node *const *)b;
    return (v->order < w->order) - (v->order > w->order);
}

/* The way for any graph: mark what has been visited, then sort. Return 0 if there is no memory. */
static int walk_anywhere(Graph *graph, PyObject *const *outputs, Py_ssize_t count)
{
#define VISIT(operand)                                                                                               \
    do {                                                                                                             \
        Node *x = (operand);                                                                                         \
        if (!x->op ? !list_leaf(graph, x) : !x->visited && !append(&graph->made, x))                                 \
            return 0;                                                                                                \
        if (!x->visited) {                                                                                           \
            x->visited = 1;                                                                                          \
            found(graph, x);                                                                                         \
        }                                                                                                            \
    } while (0)
    for (Py_ssize_t i = 0; i < count; i++)
        VISIT((Node *)outputs[i]);
    for (Py_ssize_t i = 0; i < graph->made.count; i++) /* the list grows meanwhile */
        EACH_OPERAND(graph->made.nodes[i], VISIT)
#undef VISIT
    qsort(graph->made.nodes, (size_t)graph->made.count, sizeof(Node *), newest_first);
    return 1;
}

/* Find the graph of outputs. Return 0 with an error set. */
static int find_graph(Graph *graph, PyObject *const *outputs, Py_ssize_t count, int for_pulls)
{
    int done = 0;
    start_nodes(&graph->made);
    start_nodes(&graph->leaves);
    graph->for_pulls = for_pulls;
    graph->in_c = 1;
    if (count == 1 && ((Node *)outputs[0])->op)
        done = walk_closely(graph, (Node *)outputs[0]);
    if (done == 0) {
        leave(&graph->leaves);
        graph->leaves.count = 0;
        done = walk_anywhere(graph, outputs, count) ? 1 : -1;
        leave(&graph->made);
    }
    leave(&graph->leaves);
    if (done == 1)
        return 1;
    free_graph(graph);
    PyErr_NoMemory();
    return 0;
}

static PyObject *list_of(const Nodes *nodes)
{
    PyObject *list = PyList_New(nodes->count);
    for (Py_ssize_t i = 0; list && i < nodes->count; i++)
        PyList_SetItem(list, i, Py_NewRef((PyObject *)nodes->nodes[i]));
    return list;
}

/* graph_of(*outputs) */
static PyObject *graph_of(PyObject *module, PyObject *const *args, Py_ssize_t count, PyObject *names)
{
    int plain = !names;
    for (Py_ssize_t i = 0; i < count; i++)
        plain = plain && IS_VALUE(args[i]);
    if (!plain) {
        PyObject *all = PyTuple_New(count), *named = PyDict_New(), *found = NULL;
        for (Py_ssize_t i = 0; all && i < count; i++)
            PyTuple_SetItem(all, i, Py_NewRef(args[i]));
        for (Py_ssize_t i = 0; named && names && i < PyTuple_Size(names); i++)
            if (PyDict_SetItem(named, PyTuple_GetItem(names, i), args[count + i]) < 0)
                Py_CLEAR(named);
        if (all && named)
            found = PyObject_Call(python.graph_of, all, named);
        Py_XDECREF(all);
        Py_XDECREF(named);
        return found;
    }
    Graph graph;
    if (!find_graph(&graph, args, count, 0))
        return NULL;
    qsort(graph.leaves.nodes, (size_t)graph.leaves.count, sizeof(Node *), newest_first);
    PyObject *list = PyList_New(graph.made.count + graph.leaves.count);
    Node **made = graph.made.nodes, **leaf = graph.leaves.nodes;
    Py_ssize_t m = graph.made.count, l = graph.leaves.count;
    while (list && m + l) { /* merge, newest first, from the end of the list */
        Node *v = !l || (m && (*made)->order > (*leaf)->order) ? (m--, *made++) : (l--, *leaf++);
        PyList_SetItem(list, m + l, Py_NewRef((PyObject *)v));
    }
    free_graph(&graph);
    return list;
}

/* backward() ------------------------------------------------------------------------------------------------------- */

static unsigned long turn_of; /* the thread that has the lock of backward passes; 0: none */

static ALWAYS_INLINE void add_to(Node *x, double pull)
{
    x->part = (is_untouched(x->part) ? 0.0 : x->part) + pull;
}

/* Give the largest operands equal shares: those that no gap above 0 divides from the result. See ops._equal_shares. */
static void pull_largest(double g, double z, Many *many, double sign)
{
    const unsigned char *constant = constants_of(many);
    double count = 0.0;
    for (Py_ssize_t i = 0; i < many->count; i++)
        count += sign * (z - number_of(many->items[i], constant[i])) > 0 ? 0.0 : 1.0;
    for (Py_ssize_t i = 0; i < many->count; i++)
        if (!constant[i])
            add_to(many->items[i].node, sign * (z - many->items[i].node->data) > 0 ? 0.0 : g / count);
}

static void pull_dot(double g, Many *many)
{
    const Py_ssize_t half = many->count / 2;
    const Operand *items = many->items;
    const unsigned char *constant = constants_of(many);
    for (Py_ssize_t i = 0; i < many->count; i++)
        if (!constant[i]) {
            Py_ssize_t partner = i < half ? i + half : i - half;
            add_to(items[i].node, g * number_of(items[partner], constant[partner]));
        }
}

static void pull_many(double g, double z, const Row *row, Many *many)
{
    const unsigned char *constant = constants_of(many);
    switch (row - ROWS) {
    case ROW_sum:
        for (Py_ssize_t i = 0; i < many->count; i++)
            if (!constant[i])
                add_to(many->items[i].node, g);
        return;
    case ROW_dot:
        pull_dot(g, many);
        return;
    case ROW_largest:
        pull_largest(g, z, many, 1.0);
        return;
    case ROW_smallest:
        pull_largest(g, z, many, -1.0);
        return;
    default: {
        double x[3] = {0.0, 0.0, 0.0};
        for (Py_ssize_t i = 0; i < many->count; i++)
            x[i] = number_of(many->items[i], constant[i]);
        for (Py_ssize_t i = 0; i < many->count; i++)
            if (!constant[i] && row->pulls[i])
                add_to(many->items[i].node, row->pulls[i](g, z, x[0], x[1], x[2]));
    }
    }
}

/* Pull the gradient of a result of the table's back to its operands. */
static ALWAYS_INLINE void pull(Node *v)
{
    const double g = v->part, z = v->data;
    const Row *row = v->op->row;
    if (SELDOM(is_untouched(g))) /* 0 * inf further down would be nan */
        return;
    if (v->operands == 1) {
        if (row->pulls[0] && !v->x_constant)
            add_to(v->x.node, row->pulls[0](g, z, v->x.node->data, 0.0, 0.0));
    } else if (v->operands == 2) {
        const double x = number_of(v->x, v->x_constant), y = number_of(v->y, v->y_constant);
        if (!v->x_constant)
            add_to(v->x.node, row->pulls[0](g, z, x, y, 0.0));
        if (!v->y_constant)
            add_to(v->y.node, row->pulls[1](g, z, x, y, 0.0));
    } else
        pull_many(g, z, row, v->x.many);
}

/* Add what a rule in Python returned to the gradient of an operand. Return 0 with an error set. */
static int add_from_python(Node *x, PyObject *found)
{
    if (!found)
        return 0;
    double pull = 0.0;
    const int is_none = found == Py_None;
    if (!is_none)
        pull = PyFloat_AsDouble(found);
    Py_DECREF(found);
    if (pull == -1.0 && PyErr_Occurred())
        return 0;
    if (!is_none)
        add_to(x, pull);
    return 1;
}

/* The same for an operation that a user added, whose rules are in Python. Return 0 with an error set. */
static int pull_in_python(Node *v)
{
    if (is_untouched(v->part))
        return 1;
    PyObject *op = (PyObject *)v->op, *args = get_args((PyObject *)v, NULL);
    PyObject *direct = args ? PyObject_GetAttrString(op, "direct") : NULL;
    const long each = direct ? PyLong_AsLong(direct) : 0; /* a rule for each operand, called only for Values */
    PyObject *rules = direct ? PyObject_GetAttrString(op, each ? "rules" : "pulls") : NULL;
    const Py_ssize_t count = args ? PyTuple_Size(args) : 0;
    PyObject *numbers = rules ? PyTuple_New(count + 2) : NULL;
    int done = 0;
    if (numbers) {
        PyTuple_SetItem(numbers, 0, PyFloat_FromDouble(v->part));
        PyTuple_SetItem(numbers, 1, PyFloat_FromDouble(v->data));
        for (Py_ssize_t i = 0; i < count; i++) {
            PyObject *x = PyTuple_GetItem(args, i);
            PyTuple_SetItem(numbers, i + 2, IS_VALUE(x) ? get_data(x, NULL) : Py_NewRef(x));
        }
        done = !PyErr_Occurred();
    }
    if (done && each) {
        for (Py_ssize_t i = 0; done && i < count; i++) {
            PyObject *x = PyTuple_GetItem(args, i);
            if (IS_VALUE(x))
                done = add_from_python((Node *)x, PyObject_CallObject(PyTuple_GetItem(rules, i), numbers));
        }
    } else if (done) {
        PyObject *found = PyObject_CallObject(rules, numbers), *pulls = found ? PySequence_Tuple(found) : NULL;
        done = pulls != NULL;
        for (Py_ssize_t i = 0; done && i < count && i < PyTuple_Size(pulls); i++) {
            PyObject *x = PyTuple_GetItem(args, i);
            if (IS_VALUE(x))
                done = add_from_python((Node *)x, Py_NewRef(PyTuple_GetItem(pulls, i)));
        }
        Py_XDECREF(pulls);
        Py_XDECREF(found);
    }
    Py_XDECREF(numbers);
    Py_XDECREF(rules);
    Py_XDECREF(direct);
    Py_XDECREF(args);
    return done;
}

/* All gradients are set without a step of Python in between, so neither Ctrl-C nor another thread can tear this. */

static ALWAYS_INLINE void commit_result(Node *v) { v->grad = is_untouched(v->part) ? 0.0 : v->part; }

static void commit_leaves(const Nodes *leaves)
{
    for (Py_ssize_t i = 0; i < leaves->count; i++)
        leaves->nodes[i]->grad += is_untouched(leaves->nodes[i]->part) ? 0.0 : leaves->nodes[i]->part;
}

static int is_out_of_date(const Graph *graph)
{
    return graph->made.count && (long long)graph->made.nodes[graph->made.count - 1]->order < latest_change;
}

enum { NODES_IN_ONE_GO = 1 << 20 }; /* 30 ms, in which Ctrl-C can wait */

/* backward() of a graph of the table's operations that nobody listens to: no Python code can run, so it needs no lock.
   Return 1 if it is done, 0 if it is not such a graph (nothing has changed then), -1 with an error set. */
static int propagate_alone(Node *output, double seed)
{
    Graph graph;
    PyObject *self = (PyObject *)output;
    if (!find_graph(&graph, &self, 1, 1))
        return -1;
    const int alone = graph.in_c && !is_out_of_date(&graph) && graph.made.count <= NODES_IN_ONE_GO;
    if (alone) {
        output->part = seed;
        for (Py_ssize_t i = 0; i < graph.made.count; i++) {
            pull(graph.made.nodes[i]);
            commit_result(graph.made.nodes[i]); /* at once, while the node is at hand: nothing can go wrong any more */
        }
        commit_leaves(&graph.leaves);
    }
    free_graph(&graph);
    return alone;
}

/* part(v): the gradient that the running backward() has accumulated so far, for those who listen to `pulled` */
static PyObject *get_part(PyObject *module, PyObject *v)
{
    if (!IS_VALUE(v)) {
        PyErr_SetString(PyExc_TypeError, "expected a Value of the graph");
        return NULL;
    }
    double part = ((Node *)v)->part;
    return PyFloat_FromDouble(is_untouched(part) ? 0.0 : part);
}

static int announce_pulled(PyObject *output, Node *v, PyObject *part)
{
    PyObject *told = PyObject_CallFunctionObjArgs(python.announce, python.pulled, output, (PyObject *)v, part, NULL);
    Py_XDECREF(told);
    return told != NULL;
}

/* Pull back through any graph, with the lock held. Return 0 with an error set. */
static int pull_all(Graph *graph, PyObject *output, PyObject *part)
{
    const int listened = PyDict_Size(python.pulled) > 0;
    for (Py_ssize_t i = 0; i < graph->made.count; i++) {
        Node *v = graph->made.nodes[i];
        if (v->op->row)
            pull(v);
        else if (!pull_in_python(v))
            return 0;
        if (listened && !announce_pulled(output, v, part))
            return 0;
        if (i % (1 << 16) == 0 && PyErr_CheckSignals() < 0)
            return 0;
    }
    for (Py_ssize_t i = 0; listened && i < graph->leaves.count; i++)
        if (!announce_pulled(output, graph->leaves.nodes[i], part))
            return 0;
    return 1;
}

/* propagate(output, seed): backward() of any graph; the caller holds the lock, and a reference to the output */
static PyObject *propagate(PyObject *module, PyObject *const *args, Py_ssize_t count)
{
    if (count != 2 || !IS_VALUE(args[0])) {
        PyErr_SetString(PyExc_TypeError, "propagate() takes a Value and a seed");
        return NULL;
    }
    Graph graph;
    if (!find_graph(&graph, args, 1, 1))
        return NULL;
    int done = 1;
    if (is_out_of_date(&graph)) {
        PyObject *made = list_of(&graph.made), *leaves = list_of(&graph.leaves), *told = NULL;
        if (made && leaves && PyList_Reverse(made) == 0)
            told = PyObject_CallFunctionObjArgs(python.announce, python.on_old_graph, args[0], made, leaves, NULL);
        done = told != NULL;
        Py_XDECREF(made);
        Py_XDECREF(leaves);
        Py_XDECREF(told);
    }
    double seed;
    if (done) {
        enum Kind kind = IS_VALUE(args[1]) ? converted(args[1], python.number, &seed)
                                           : read_number(args[1], python.number, &seed);
        done = kind == CONSTANT;
    }
    PyObject *part = done ? PyObject_GetAttrString(module, "get_part") : NULL;
    if (part) {
        ((Node *)args[0])->part = seed;
        done = pull_all(&graph, args[0], part);
        for (Py_ssize_t i = 0; done && i < graph.made.count; i++)
            commit_result(graph.made.nodes[i]);
        if (done)
            commit_leaves(&graph.leaves);
        Py_DECREF(part);
    }
    free_graph(&graph);
    return done && part ? Py_NewRef(Py_None) : NULL;
}

/* in_turn(function, *args): call it with the lock of backward passes. Here Ctrl-C cannot come between the lock and the
   note of whose it is. */
static PyObject *in_turn(PyObject *module, PyObject *const *args, Py_ssize_t count)
{
    const unsigned long me = PyThread_get_thread_ident();
    if (turn_of == me) {
        PyErr_SetString(PyExc_RuntimeError,
            "backward() is already running in this thread: no rule, listener or handler can start it");
        return NULL;
    }
    PyObject *taken = PyObject_CallNoArgs(python.acquire);
    if (!taken)
        return NULL;
    Py_DECREF(taken);
    turn_of = me;
    PyObject *arguments = PyTuple_New(count - 1), *result = NULL;
    for (Py_ssize_t i = 1; arguments && i < count; i++)
        PyTuple_SetItem(arguments, i - 1, Py_NewRef(args[i]));
    if (arguments)
        result = PyObject_CallObject(args[0], arguments);
    Py_XDECREF(arguments);
    turn_of = 0;
    PyObject *type, *value, *traceback;
    PyErr_Fetch(&type, &value, &traceback);
    Py_XDECREF(PyObject_CallNoArgs(python.release));
    PyErr_Restore(type, value, traceback);
    return result;
}

/* Value.backward(seed=1.0) */
static PyObject *backward(PyObject *self, PyObject *const *args, Py_ssize_t count, PyObject *names)
{
    if (!names && (count == 0 || (count == 1 && PyFloat_CheckExact(args[0]))) && !turn_of && !PyDict_Size(python.pulled)) {
        int done = propagate_alone((Node *)self, count ? FLOAT_OF(args[0]) : 1.0);
        if (done < 0)
            return NULL;
        if (done)
            Py_RETURN_NONE;
    }
    return method_in_python("backward", self, args, count, names);
}

/* Replaying -------------------------------------------------------------------------------------------------------- */

/* Read the numbers of the operands of a result, those in `data` before those of the nodes. Return 1 if any is in it, 0 if
   none is, -1 with an error set. */
static int replayed_operands(Many *many, PyObject *args, PyObject *data)
{
    int found = 0;
    for (Py_ssize_t i = 0; i < many->count; i++) {
        PyObject *x = PyTuple_GetItem(args, i), *number = IS_VALUE(x) ? PyDict_GetItemWithError(data, x) : x;
        constants_of(many)[i] = 1;
        if (!number && PyErr_Occurred())
            return -1;
        many->items[i].constant = number ? PyFloat_AsDouble(number) : ((Node *)x)->data;
        if (number && PyErr_Occurred())
            return -1;
        found |= number && number != x;
    }
    return found;
}

/* replay(made, changed): the numbers that results would have if some nodes had other numbers */
static PyObject *replay(PyObject *module, PyObject *const *args, Py_ssize_t count)
{
    if (count != 2) {
        PyErr_SetString(PyExc_TypeError, "replay() takes the results and the changed numbers");
        return NULL;
    }
    PyObject *made = PySequence_List(args[0]), *data = PyDict_New();
    int ready = made && data && PyDict_Update(data, args[1]) == 0;
    for (Py_ssize_t i = 0; ready && i < PyList_Size(made); i++) {
        PyObject *v = PyList_GetItem(made, i);
        if (!IS_VALUE(v)) {
            PyErr_SetString(PyExc_TypeError, "expected Values to replay");
            ready = 0;
        } else if (((Node *)v)->op && !(ready = PyDict_Contains(data, v))) {
            PyObject *operands = get_args(v, NULL), *number = NULL;
            Many *many = operands ? new_many(PyTuple_Size(operands)) : NULL;
            double z;
            const int depends = many ? replayed_operands(many, operands, data) : -1;
            ready = depends >= 0;
            if (depends > 0) {
                number = compute(((Node *)v)->op, many, &z) ? PyFloat_FromDouble(z) : NULL;
                ready = number && PyDict_SetItem(data, v, number) == 0;
            }
            Py_XDECREF(number);
            PyMem_Free(many);
            Py_XDECREF(operands);
        } else
            ready = ready >= 0;
    }
    Py_XDECREF(made);
    if (!ready)
        Py_CLEAR(data);
    return data;
}

/* The module ------------------------------------------------------------------------------------------------------- */

static PyObject *take_order(PyObject *module, PyObject *nothing) { return PyLong_FromLongLong(next_order++); }
static PyObject *change(PyObject *module, PyObject *nothing) { return PyLong_FromLongLong(place_of_next_change()); }
static PyObject *last_change(PyObject *module, PyObject *nothing) { return PyLong_FromLongLong(latest_change); }

/* listen(): look whether anybody listens to the event `recorded` */
static PyObject *listen(PyObject *module, PyObject *nothing)
{
    recording_listeners = PyDict_Size(python.recorded) > 0;
    Py_RETURN_NONE;
}

/* adopt(op): give an operation of the table its row. (A copy of it may have other rules.) */
static PyObject *adopt(PyObject *module, PyObject *op)
{
    if (!PyObject_TypeCheck(op, operation_type)) {
        PyErr_SetString(PyExc_TypeError, "expected an operation");
        return NULL;
    }
    PyObject *name = know(op) ? PyObject_GetAttrString(op, "name") : NULL;
    if (!name)
        return NULL;
    for (int i = 0; i < ROWS_COUNT; i++)
        if (PyUnicode_CompareWithASCIIString(name, ROWS[i].name) == 0) {
            ((Operation *)op)->row = &ROWS[i];
            operation_of[i] = (Operation *)Py_NewRef(op); /* for good: nodes of the table's operations do not count */
        }
    Py_DECREF(name);
    Py_RETURN_NONE;
}

/* A method, or an attribute, for the class that Python makes: with the words of the class in Python. What a descriptor is
   made from must live as long as it: for good. */

static PyMethodDef methods_of_nodes[] = {
    {"backward", (PyCFunction)(void (*)(void))backward, METH_FASTCALL | METH_KEYWORDS, NULL},
#define METHOD(name) {#name, (PyCFunction)(void (*)(void))name##_method, METH_FASTCALL | METH_KEYWORDS, NULL},
    ROWS_OF_ONE(METHOD)
#undef METHOD
    {NULL, NULL, 0, NULL},
};

/* method(name, documentation), the latter with the signature as Python's own functions in C have it */
static PyObject *method(PyObject *module, PyObject *args)
{
    const char *name;
    PyObject *documentation;
    if (!PyArg_ParseTuple(args, "sU", &name, &documentation))
        return NULL;
    const char *words = PyUnicode_AsUTF8AndSize(documentation, NULL);
    for (PyMethodDef *known = methods_of_nodes; words && known->ml_name; known++)
        if (strcmp(known->ml_name, name) == 0) {
            known->ml_doc = words;
            Py_INCREF(documentation);
            return PyDescr_NewMethod(value_type, known);
        }
    if (words)
        PyErr_SetString(PyExc_LookupError, name);
    return NULL;
}

static PyGetSetDef attributes_of_nodes[] = {
    {"data", get_data, set_data_as_user, NULL, NULL},
    {"grad", get_grad, set_grad_as_user, NULL, NULL},
    {"label", get_label, set_label_as_user, NULL, NULL},
    {"op", get_op, set_as_user, NULL, NULL},
    {"args", get_args, set_as_user, NULL, NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

/* attribute(name, property), the latter that of the class in Python */
static PyObject *attribute(PyObject *module, PyObject *args)
{
    const char *name;
    PyObject *property;
    if (!PyArg_ParseTuple(args, "sO", &name, &property))
        return NULL;
    PyObject *documentation = PyObject_GetAttrString(property, "__doc__");
    const char *words = documentation ? PyUnicode_AsUTF8AndSize(documentation, NULL) : NULL;
    for (PyGetSetDef *known = attributes_of_nodes; words && known->name; known++)
        if (strcmp(known->name, name) == 0) {
            known->doc = words;
            known->closure = Py_NewRef(property);
            return PyDescr_NewGetSet(value_type, known); /* keeps the reference to the words, too */
        }
    Py_XDECREF(documentation);
    if (words)
        PyErr_SetString(PyExc_LookupError, name);
    return NULL;
}

/* use(...): what the engine in Python gives this one, before the first node is made */
static PyObject *use(PyObject *module, PyObject *args, PyObject *named)
{
    static char *names[] = {
        "Value", "number", "operand", "call", "graph_of", "announce", "recorded", "pulled", "on_old_graph", "acquire",
        "release", NULL};
    if (!PyArg_ParseTupleAndKeywords(args, named, "$OOOOOOO!O!O!OO", names, &python.Value, &python.number,
            &python.operand, &python.call, &python.graph_of, &python.announce, &PyDict_Type, &python.recorded,
            &PyDict_Type, &python.pulled, &PyDict_Type, &python.on_old_graph, &python.acquire, &python.release))
        return NULL;
    PyObject *kept[] = {python.Value, python.number, python.operand, python.call, python.graph_of, python.announce,
        python.recorded, python.pulled, python.on_old_graph, python.acquire, python.release};
    for (size_t i = 0; i < sizeof kept / sizeof *kept; i++)
        Py_INCREF(kept[i]);
    Py_RETURN_NONE;
}

/* memory(): how many nodes live, the bytes of chunks, and those of empty ones, kept for the next graph; for tests */
static PyObject *memory(PyObject *module, PyObject *nothing)
{
    return Py_BuildValue("nnn", living, chunk_count * (Py_ssize_t)CHUNK_BYTES, empty_count * (Py_ssize_t)CHUNK_BYTES);
}

static PyMemberDef members_of_nodes[] = {
    {"__weaklistoffset__", T_PYSSIZET, offsetof(Node, weak), READONLY, NULL},
    {NULL, 0, 0, 0, NULL},
};

static PyType_Slot value_slots[] = {
    {Py_tp_new, node_new},
    {Py_tp_dealloc, node_dealloc},
    {Py_tp_traverse, node_traverse},
    {Py_tp_is_gc, node_is_collected},
    {Py_tp_getset, slots_of_nodes},
    {Py_tp_members, members_of_nodes},
    {Py_nb_add, node_add},
    {Py_nb_subtract, node_sub},
    {Py_nb_multiply, node_mul},
    {Py_nb_true_divide, node_div},
    {Py_nb_remainder, node_mod},
    {Py_nb_floor_divide, node_floordiv},
    {Py_nb_power, node_pow},
    {Py_nb_negative, node_neg},
    {Py_nb_absolute, node_abs},
    {0, NULL},
};

static PyType_Spec value_spec = {
    .name = "autograd.engine.Value",
    .basicsize = sizeof(Node),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_BASETYPE, /* the class says itself that it has no subclasses, and why */
    .slots = value_slots,
};

/* make_value(base): make the class, to which Python then gives all that is not in C. A class made in Python would have
   all its instances in the garbage collector. */
static PyObject *make_value(PyObject *module, PyObject *base)
{
    if (value_type) {
        PyErr_SetString(PyExc_RuntimeError, "the class is made once");
        return NULL;
    }
    PyObject *bases = PyTuple_Pack(1, base), *name = PyUnicode_FromString("Value");
    PyObject *made = bases && name ? PyType_FromSpecWithBases(&value_spec, bases) : NULL;
    if (made && PyObject_SetAttrString(made, "__name__", name) < 0) /* Python's messages have it without the module */
        Py_CLEAR(made);
    Py_XDECREF(bases);
    Py_XDECREF(name);
    if (!made)
        return NULL;
    if (Py_TYPE(made) != Py_TYPE(base)) { /* Python 3.11 does not make it of the class of its base: no room differs */
        Py_SET_TYPE(made, (PyTypeObject *)Py_NewRef((PyObject *)Py_TYPE(base)));
    }
    value_type = (PyTypeObject *)made;
    return Py_NewRef(made);
}

#define FAST(function) (PyCFunction)(void (*)(void))function

static PyMethodDef functions[] = {
    {"new_node", FAST(new_node_from_parts), METH_FASTCALL, NULL},
    {"record", FAST(record), METH_FASTCALL, NULL},
    {"graph_of", FAST(graph_of), METH_FASTCALL | METH_KEYWORDS, NULL},
    {"replay", FAST(replay), METH_FASTCALL, NULL},
    {"in_turn", FAST(in_turn), METH_FASTCALL, NULL},
    {"propagate", FAST(propagate), METH_FASTCALL, NULL},
    {"get_part", get_part, METH_O, NULL},
    {"next_order", take_order, METH_NOARGS, NULL},
    {"place_of_change", change, METH_NOARGS, NULL},
    {"latest_change", last_change, METH_NOARGS, NULL},
    {"listen", listen, METH_NOARGS, NULL},
    {"adopt", adopt, METH_O, NULL},
    {"method", method, METH_VARARGS, NULL},
    {"attribute", attribute, METH_VARARGS, NULL},
    {"make_value", make_value, METH_O, NULL},
    {"use", FAST(use), METH_VARARGS | METH_KEYWORDS, NULL},
    {"memory", memory, METH_NOARGS, NULL},
    {NULL, NULL, 0, NULL},
};

static PyType_Slot operation_slots[] = {
    {Py_tp_call, operation_call},
    {0, NULL},
};

static PyType_Spec operation_spec = {
    .name = "autograd._native.core.Operation",
    .basicsize = sizeof(Operation),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE,
    .slots = operation_slots,
};

int add_calls(PyObject *module); /* calls.c */

static int fill(PyObject *module)
{
    if (operation_type || PyInterpreterState_GetID(PyInterpreterState_Get()) != 0) {
        PyErr_SetString(PyExc_ImportError, "it serves one copy of the package in a process, in the main interpreter");
        return -1;
    }
    operation_type = (PyTypeObject *)PyType_FromSpec(&operation_spec);
    if (!operation_type)
        return -1;
    return PyModule_AddObjectRef(module, "Operation", (PyObject *)operation_type) < 0
                   || PyModule_AddStringConstant(module, "TABLE_HASH", TABLE_HASH) < 0 || add_calls(module) < 0
               ? -1
               : 0;
}

static PyModuleDef_Slot module_slots[] = {
    {Py_mod_exec, fill},
    {0, NULL},
};

static PyModuleDef definition = {
    PyModuleDef_HEAD_INIT,
    .m_name = "autograd._native.core",
    .m_methods = functions,
    .m_slots = module_slots,
};

PyMODINIT_FUNC PyInit_core(void) { return PyModuleDef_Init(&definition); }
