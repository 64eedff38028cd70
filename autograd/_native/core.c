/* The engine in C: what `engine.py` does, behind the same names, with the same bits and the same words.

   Read `engine.py` first: it is the reference, and complete. In C is what is called for every node: making one, freeing
   it, finding the graph of an output, pulling gradients back. All else (errors in words, comparisons, listeners,
   pickles) stays in Python. Where something is out of the ordinary, a function in C calls the one in Python that it
   stands for, which begins anew: so there is one text of each message, and one place for each rare case.

   In the order of the story: `node.h` (what a node is, its making and its end), `memory.h` (where nodes lie),
   `record.h` (operations make nodes), `attributes.h` (leaves, and what Python reads and sets), `graph.h` (the graph of
   an output), `backward.h` (gradients), and here the module. To the compiler all are one unit, within which it puts
   functions into each other. `calls.c` is another: it calls the functions that `compile` builds.

   `rules.h` has the functions and the derivative rules of the table, generated from it. Those of the four operations
   that take any number of operands are in `record.h` and `backward.h`. Rules of a user's operation are Python's.

   Who owns what. A node owns its operands, its label, and its operation if a user added that; the table's own live as
   long as this module. Edges point to older nodes only, so there are no cycles, and nodes are not the garbage
   collector's, but for results of a user's operation, whose rule may refer to them, and what is computed from these.
   Numbers are in the nodes: a constant is no object. All state is static and protected by the interpreter's lock: so
   there is one copy of this module in a process, and none in a build of Python without that lock. */

#include "node.h"
#include "record.h"
#include "attributes.h"
#include "graph.h"
#include "backward.h"

static PyObject *take_order(PyObject *module, PyObject *nothing) { return PyLong_FromLongLong(next_order++); }
static PyObject *change(PyObject *module, PyObject *nothing) { return PyLong_FromLongLong(place_of_next_change()); }
static PyObject *last_change(PyObject *module, PyObject *nothing) { return PyLong_FromLongLong(latest_change); }

/* listen(): look whether anybody listens to the event `recorded` */
static PyObject *listen(PyObject *module, PyObject *nothing)
{
    recording_listeners = PyDict_Size(python.recorded) > 0;
    Py_RETURN_NONE;
}

/* What is in C of a row: its functions, or the loops for any number of operands. */
static int is_in_c(int row)
{
    return ROWS[row].operands || row == ROW_sum || row == ROW_dot || row == ROW_largest || row == ROW_smallest;
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
        if (is_in_c(i) && PyUnicode_CompareWithASCIIString(name, ROWS[i].name) == 0) {
            ((Operation *)op)->row = &ROWS[i];
            ((Operation *)op)->of_table = 1;
            operation_of[i] = (Operation *)Py_NewRef(op); /* for good: nodes of the table's operations do not count */
        }
    Py_DECREF(name);
    Py_RETURN_NONE;
}

/* A method, or an attribute, of the class: with the words of the class in Python. What a descriptor is made from must
   live as long as it: for good. */

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
    static char *names[] = {"Value", "number", "operand", "call", "graph_of", "announce", "recorded", "pulled",
        "on_old_graph", "acquire", "release", NULL};
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
    /* The class says itself that it has no subclasses, and why: to Python it may be a base. */
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_BASETYPE,
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

/* The setters of the slots as functions: to call these costs a third of calling a slot's `__set__`. */
static PyObject *given_to(setter set, PyObject *const *args, Py_ssize_t count)
{
    if (count != 2 || !IS_VALUE(args[0])) {
        PyErr_SetString(PyExc_TypeError, "expected a Value and what to set");
        return NULL;
    }
    return set(args[0], args[1], NULL) < 0 ? NULL : Py_NewRef(Py_None);
}

static PyObject *give_data(PyObject *module, PyObject *const *args, Py_ssize_t count)
{
    return given_to(set_data, args, count);
}

static PyObject *give_grad(PyObject *module, PyObject *const *args, Py_ssize_t count)
{
    return given_to(set_grad, args, count);
}

static PyObject *give_changed(PyObject *module, PyObject *const *args, Py_ssize_t count)
{
    return given_to(set_changed, args, count);
}

#define FAST(function) (PyCFunction)(void (*)(void)) function

static PyMethodDef functions[] = {
    {"new_node", FAST(new_node_from_parts), METH_FASTCALL, NULL},
    {"record", FAST(record), METH_FASTCALL, NULL},
    {"graph_of", FAST(graph_of), METH_FASTCALL | METH_KEYWORDS, NULL},
    {"replay", FAST(replay), METH_FASTCALL, NULL},
    {"in_turn", FAST(in_turn), METH_FASTCALL, NULL},
    {"propagate", FAST(propagate), METH_FASTCALL, NULL},
    {"get_part", get_part, METH_O, NULL},
    {"set_data", FAST(give_data), METH_FASTCALL, NULL},
    {"set_grad", FAST(give_grad), METH_FASTCALL, NULL},
    {"set_changed", FAST(give_changed), METH_FASTCALL, NULL},
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

/* Whoever plants a wrong rule in the table, to see it caught, gets it: in Python, as it is. */
static int change_row(PyObject *self, PyObject *name, PyObject *x)
{
    Operation *op = (Operation *)self;
    if (op->row && (PyUnicode_CompareWithASCIIString(name, "rules") == 0 ||
                       PyUnicode_CompareWithASCIIString(name, "computes") == 0))
        op->row = NULL;
    return PyObject_GenericSetAttr(self, name, x);
}

static PyType_Slot operation_slots[] = {
    {Py_tp_setattro, change_row},
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

#if !defined(SOURCES_HASH) /* setup.py says it: see hashes.py */
#define SOURCES_HASH unknown
#endif
#define TEXT_OF(words) #words
#define TEXT(words) TEXT_OF(words)

static int fill(PyObject *module)
{
    if (operation_type || PyInterpreterState_GetID(PyInterpreterState_Get()) != 0) {
        PyErr_SetString(PyExc_ImportError, "it serves one copy of the package in a process, in the main interpreter");
        return -1;
    }
    operation_type = (PyTypeObject *)PyType_FromSpec(&operation_spec);
    if (!operation_type)
        return -1;
    return PyModule_AddObjectRef(module, "Operation", (PyObject *)operation_type) < 0 ||
                   PyModule_AddStringConstant(module, "TABLE_HASH", TABLE_HASH) < 0 ||
                   PyModule_AddStringConstant(module, "SOURCES_HASH", TEXT(SOURCES_HASH)) < 0 || add_calls(module) < 0
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
