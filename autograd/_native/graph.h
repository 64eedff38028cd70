/* The graph of an output, and its numbers if some were others. */

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

/* One list that nobody uses is kept for the next graph: memory that is new to the process takes as long as the walk. */
static Node **spare;
static Py_ssize_t spare_room;
enum { MOST_SPARE = 1 << 18 }; /* 2 MB */

static void free_nodes(Nodes *list)
{
    if (list->nodes == list->few)
        return;
    if (list->room <= spare_room || list->room > MOST_SPARE) {
        PyMem_Free(list->nodes);
        return;
    }
    PyMem_Free(spare);
    spare = list->nodes;
    spare_room = list->room;
}

static void free_graph(Graph *graph)
{
    free_nodes(&graph->made);
    free_nodes(&graph->leaves);
}

/* Make room for more, of which the first `count` are kept. Return 0 if there is no memory. */
static int grow(Nodes *list, Py_ssize_t count, Py_ssize_t room)
{
    Node **more = spare;
    if (room <= spare_room) {
        room = spare_room;
        spare = NULL;
        spare_room = 0;
    } else if (!(more = PyMem_Malloc((size_t)room * sizeof(Node *))))
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

/* Put a result into its place in the table of the order of creation, newest first, of which the first `reach` places
   have been set, and `count` visited. Return 1; 0 if it is too far away for a table; -1 if there is no memory. */
static ALWAYS_INLINE int visit_near(Graph *graph, Py_ssize_t highest, Py_ssize_t *reach, Py_ssize_t count, Node *x)
{
    /* The table has at most so many places for each node found, or NEAR, if that many nodes live. */
    enum { NEAR = 1 << 18, GAPS = 64 };
    Nodes *table = &graph->made;
    if (!x->op)
        return list_leaf(graph, x) ? 1 : -1;
    const Py_ssize_t at = highest - (Py_ssize_t)x->order;
    if (at >= *reach) {
        if (SELDOM(at >= GAPS * count && (at >= NEAR || at >= GAPS * living))) /* though a spare list may have room */
            return 0;
        if (SELDOM(at >= table->room) && !grow(table, *reach, 2 * at))
            return -1;
        memset(table->nodes + *reach, 0, (size_t)(at + 1 - *reach) * sizeof(Node *));
        *reach = at + 1;
    }
    if (!table->nodes[at]) {
        table->nodes[at] = x;
        found(graph, x);
    }
    return 1;
}

/* The usual way. Results of one program have nearly every place in the order of creation. So a table of these places is
   a list of what is to be visited, the set of what has been, and sorted, all in one pass over the nodes. */
static int walk_closely(Graph *graph, Node *output)
{
    Nodes *table = &graph->made;
    Py_ssize_t reach = 1, count = 0;
    const Py_ssize_t highest = (Py_ssize_t)output->order;
    table->nodes[0] = output;
    found(graph, output);
    for (Py_ssize_t i = 0; i < reach; i++) { /* operands are older, so their places come later */
        Node *v = table->nodes[i];
        int done = 1;
        if (!v)
            continue;
        table->nodes[count++] = v; /* what has been visited moves to the front */
#define VISIT(x)                                                              \
    if (SELDOM((done = visit_near(graph, highest, &reach, count, (x))) != 1)) \
        return done;
        EACH_OPERAND(v, VISIT)
#undef VISIT
    }
    table->count = count;
    return 1;
}

static int newest_first(const void *a, const void *b)
{
    const Node *v = *(Node *const *)a, *w = *(Node *const *)b;
    return (v->order < w->order) - (v->order > w->order);
}

static ALWAYS_INLINE int visit_anywhere(Graph *graph, Node *x)
{
    if (!x->op)
        return list_leaf(graph, x);
    if (x->visited)
        return 1;
    if (!append(&graph->made, x))
        return 0;
    x->visited = 1;
    found(graph, x);
    return 1;
}

/* The way for any graph: mark what has been visited, then sort. Return 0 if there is no memory. */
static int walk_anywhere(Graph *graph, PyObject *const *outputs, Py_ssize_t count)
{
#define VISIT(x)                           \
    if (SELDOM(!visit_anywhere(graph, x))) \
        return 0;
    for (Py_ssize_t i = 0; i < count; i++)
        VISIT((Node *)outputs[i])
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
    if (!plain)
        return call_with(python.graph_of, NULL, args, count, names);
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

/* Replaying -------------------------------------------------------------------------------------------------------- */

/* Read the numbers of the operands of a result, those in `data` before those of the nodes. Return 1 if any is in it, 0
   if none is, -1 with an error set. */
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
