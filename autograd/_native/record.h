/* Operations make nodes: numbers are read, the result is computed and recorded. */

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
    else {
        many->count = count;
        many->values = many->collected = 0;
    }
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
    if (many->values == many->count) { /* the usual case, a neuron's, takes a third less time without the question */
        double total = 0.0;
        for (Py_ssize_t i = 0; i < half; i++)
            total += xs[i].node->data * ys[i].node->data;
        return total;
    }
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
    Node *v = new_node(data, many->collected || !op->of_table);
    if (!v) {
        drop_many(many, count);
        return NULL;
    }
    v->op = op;
    if (!op->of_table)
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
static Many *many_from(PyObject *const *sequences, Py_ssize_t how_many, int only_plain)
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
                many->values++;
                many->collected |= ((Node *)object)->collected;
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
    Many *many = many_from(&operands, 1, 0);
    Py_DECREF(operands);
    return many ? record_on((Operation *)args[0], many) : NULL;
}

/* Record an operation of the table that has been given other rules: see `change_row`. */
static PyObject *record_objects(Operation *op, PyObject *a, PyObject *b)
{
    PyObject *operands = b ? PyTuple_Pack(2, a, b) : PyTuple_Pack(1, a);
    Many *many = operands ? many_from(&operands, 1, 0) : NULL;
    Py_XDECREF(operands);
    return many ? record_on(op, many) : NULL;
}

/* Operations of one and two operands, as methods and operators. `row` is a constant where these are called: the
   compiler puts the function of the row in its place. */

static ALWAYS_INLINE PyObject *unary(int row, PyObject *a)
{
    Operation *op = operation_of[row];
    double x = ((Node *)a)->data;
    if (SELDOM(!op->row))
        return record_objects(op, a, NULL);
    return recorded(result_of_one(op, ROWS[row].computes(x, 0.0, 0.0), a, VALUE, x));
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
    Operation *op = operation_of[row];
    if (SELDOM(!op->row))
        return record_objects(op, a, b);
    return recorded(result_of_two(op, ROWS[row].computes(x, y, 0.0), a, a_kind, x, b, b_kind, y));
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

/* Pass arguments on to a function in Python, for whatever is not as usual; `self`, if there is one, comes first. */
static PyObject *call_with(PyObject *function, PyObject *self, PyObject *const *args, Py_ssize_t count, PyObject *names)
{
    const Py_ssize_t first = self != NULL;
    PyObject *all = PyTuple_New(count + first), *named = names ? PyDict_New() : NULL, *result = NULL;
    if (all && (named || !names)) {
        if (self)
            PyTuple_SetItem(all, 0, Py_NewRef(self));
        for (Py_ssize_t i = 0; i < count; i++)
            PyTuple_SetItem(all, i + first, Py_NewRef(args[i]));
        int ready = 1;
        for (Py_ssize_t i = 0; named && ready && i < PyTuple_Size(names); i++)
            ready = PyDict_SetItem(named, PyTuple_GetItem(names, i), args[count + i]) == 0;
        if (ready)
            result = PyObject_Call(function, all, named);
    }
    Py_XDECREF(named);
    Py_XDECREF(all);
    return result;
}

/* Call the method of the class in Python. */
static PyObject *method_in_python(
    const char *name, PyObject *self, PyObject *const *args, Py_ssize_t count, PyObject *names)
{
    PyObject *method = PyObject_GetAttrString(python.Value, name);
    PyObject *result = method ? call_with(method, self, args, count, names) : NULL;
    Py_XDECREF(method);
    return result;
}

/* A method for each operation of one operand, `tanh_method`. */
#define METHOD(name)                                                                                           \
    static PyObject *name##_method(PyObject *a, PyObject *const *args, Py_ssize_t count, PyObject *names)      \
    {                                                                                                          \
        return SELDOM(count || names) ? method_in_python(#name, a, args, count, names) : unary(ROW_##name, a); \
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
    Many *many = many_from(sequences, how_many, 1);
    if (many && many->values)
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
    PyObject *operands = PyTuple_CheckExact(args[2])        ? Py_NewRef(args[2])
                         : count == 3 || args[3] == Py_None ? PyTuple_Pack(1, args[2])
                                                            : PyTuple_Pack(2, args[2], args[3]);
    Many *many = operands ? many_from(&operands, 1, 0) : NULL;
    Py_XDECREF(operands);
    if (many && ((Operation *)args[0])->operands && many->count != ((Operation *)args[0])->operands) {
        PyErr_Format(PyExc_TypeError, "new_node() takes as many operands as the operation, got %zd", many->count);
        drop_many(many, many->count);
        return NULL;
    }
    return many ? (PyObject *)node_of((Operation *)args[0], PyFloat_AsDouble(args[1]), many) : NULL;
}
