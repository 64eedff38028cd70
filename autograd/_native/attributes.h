/* Leaves, and the attributes of nodes. */

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

/* The setters of the attributes in Python, for all that is not as usual: `property` is that of the class there. */
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

static int set_label_slot(PyObject *self, PyObject *x, void *closure)
{
    return set_label((Node *)self, x ? x : Py_None);
}

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

static PyObject *get_class(PyObject *self, void *closure) { return Py_NewRef((PyObject *)Py_TYPE(self)); }

/* A subclass, though refused, may be reached by hand; its instances are freed in another way. */
static int keep_class(PyObject *self, PyObject *x, void *closure)
{
    PyObject *in_python = PyObject_CallFunction(python.Value, "d", 0.0); /* what it refuses, it refuses in its words */
    if (in_python && x && PyObject_SetAttrString(in_python, "__class__", x) == 0)
        PyErr_SetString(PyExc_TypeError, "a Value keeps its class");
    else if (!x)
        PyErr_SetString(PyExc_TypeError, "can't delete __class__ attribute");
    Py_XDECREF(in_python);
    return -1;
}

static PyGetSetDef slots_of_nodes[] = {
    {"__class__", get_class, keep_class, NULL, NULL},
    {"_data", get_data, set_data, NULL, NULL},
    {"_grad", get_grad, set_grad, NULL, NULL},
    {"_label", get_label, set_label_slot, NULL, NULL},
    {"_made_by", get_op, NULL, NULL, NULL},
    {"_order", get_order, NULL, NULL, NULL},
    {"_x", get_x, NULL, NULL, NULL},
    {"_y", get_y, set_changed, NULL, NULL},
    {NULL, NULL, NULL, NULL, NULL},
};
