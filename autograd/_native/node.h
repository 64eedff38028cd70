/* What a node is, how it is made, and how it ends. */

#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <structmember.h>

#include "rules.h"

#if defined(__GNUC__)
/* Not calls of functions: the option -fno-builtin, by which functions of numbers keep Python's bits, is for all. */
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

typedef struct Node Node;
typedef struct Many Many;

/* What Python's Op, its subclass, adds its attributes to. */
typedef struct {
    PyObject ob_base;
    const Row *row; /* the functions in C; NULL for an operation that a user added, or gave other rules */
    int of_table;   /* it lives as long as this module: its nodes do not own it */
    int operands;   /* 0: any number */
    int known;      /* these have been set */
} Operation;

typedef union {
    Node *node; /* owned */
    double constant;
    Many *many;        /* x, if the operation takes more than two, or any number: owned */
    long long changed; /* y, of a leaf: the place in the order of creation at which its number last changed */
} Operand;

struct Node {
    PyObject_HEAD
    double data, grad;
    double part;   /* the gradient that the running backward() has accumulated so far */
    Operation *op; /* NULL for a leaf */
    Operand x, y;
    PyObject *label;                 /* NULL for "" */
    PyObject *weak;                  /* Python's list of weak references */
    unsigned long long order : 57;   /* of creation */
    unsigned long long operands : 2; /* 0, 1, 2, or MANY */
    unsigned long long x_constant : 1, y_constant : 1;
    unsigned long long collected : 1; /* known to the garbage collector */
    unsigned long long visited : 1;   /* only while a function walks the graph: 0 when it returns */
};

enum { MANY = 3 };

struct Many {
    Py_ssize_t count, values; /* how many operands, and how many of them are no constants */
    int collected;            /* one of them is known to the garbage collector */
    Operand items[1];         /* `count` of them; then as many bytes, 1 for each that is a constant */
};

static unsigned char *constants_of(Many *many) { return (unsigned char *)(many->items + many->count); }

/* Call VISIT(x) for each operand of v that is a node. */
#define EACH_OPERAND(v, VISIT)                              \
    if ((v)->operands == MANY) {                            \
        Many *many = (v)->x.many;                           \
        const unsigned char *constant = constants_of(many); \
        const int all = many->values == many->count;        \
        for (Py_ssize_t k = 0; k < many->count; k++)        \
            if (all || !constant[k])                        \
                VISIT(many->items[k].node)                  \
    } else if ((v)->operands) {                             \
        if (!(v)->x_constant)                               \
            VISIT((v)->x.node)                              \
        if ((v)->operands == 2 && !(v)->y_constant)         \
            VISIT((v)->y.node)                              \
    }

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
    PyObject *Value;            /* the class in Python: its methods for all that is rare */
    PyObject *number, *operand; /* to convert what is no float; the latter may give NotImplemented */
    PyObject *call;             /* Op.__call__ */
    PyObject *graph_of;
    PyObject *announce, *recorded, *pulled, *on_old_graph;
    PyObject *acquire, *release; /* of the lock of backward passes; looked up once, because that takes memory */
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

/* Nodes that have died and are not freed yet, linked by the field `label`. Freeing a node may kill its operands: they
   are put here, too, so that the depth of a graph is no depth of calls. */
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
        if (SELDOM(v->weak || (v->op && !v->op->of_table))) {
            /* Python may run now, and other nodes end, in any thread: they are not to wait for this loop. */
            Node *rest = dying;
            dying = NULL;
            freeing = 0;
            v->label = NULL;
            if (v->weak)
                PyObject_ClearWeakRefs((PyObject *)v);
            if (v->op && !v->op->of_table)
                Py_DECREF((PyObject *)v->op);
            dying = rest;
            freeing = 1;
        }
#define VISIT(x) let_go(x);
        EACH_OPERAND(v, VISIT)
#undef VISIT
        if (v->operands == MANY)
            PyMem_Free(v->x.many);
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
    if (v->op && !v->op->of_table) /* the table's are not owned */
        Py_VISIT((PyObject *)v->op);
#define VISIT(x) Py_VISIT((PyObject *)(x));
    EACH_OPERAND(v, VISIT)
#undef VISIT
    return 0;
}
