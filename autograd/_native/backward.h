/* Gradients: pull them back through the graph, by the rules of the table. */

static unsigned long turn_of; /* the thread that has the lock of backward passes; 0: none */

static ALWAYS_INLINE void add_to(Node *x, double pull) { x->part = (is_untouched(x->part) ? 0.0 : x->part) + pull; }

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
    if (many->values == many->count) {
        for (Py_ssize_t i = 0; i < half; i++)
            add_to(items[i].node, g * items[i + half].node->data);
        for (Py_ssize_t i = half; i < many->count; i++)
            add_to(items[i].node, g * items[i - half].node->data);
        return;
    }
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
        if (!v->x_constant && row->pulls[0])
            add_to(v->x.node, row->pulls[0](g, z, x, y, 0.0));
        if (!v->y_constant && row->pulls[1])
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
    if (rules && each) { /* somebody may have set it to whatever */
        PyObject *listed = PySequence_Tuple(rules);
        Py_DECREF(rules);
        rules = listed;
    }
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
            PyObject *x = PyTuple_GetItem(args, i), *rule = PyTuple_GetItem(rules, i); /* too few: an error */
            if (IS_VALUE(x))
                done = add_from_python((Node *)x, rule ? PyObject_CallObject(rule, numbers) : NULL);
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
    if (listened)
        qsort(graph->leaves.nodes, (size_t)graph->leaves.count, sizeof(Node *), newest_first);
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
        enum Kind kind =
            IS_VALUE(args[1]) ? converted(args[1], python.number, &seed) : read_number(args[1], python.number, &seed);
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
    if (count < 1) {
        PyErr_SetString(PyExc_TypeError, "in_turn() takes a function");
        return NULL;
    }
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
    if (!names && (count == 0 || (count == 1 && PyFloat_CheckExact(args[0]))) && !turn_of &&
        !PyDict_Size(python.pulled)) {
        int done = propagate_alone((Node *)self, count ? FLOAT_OF(args[0]) : 1.0);
        if (done < 0)
            return NULL;
        if (done)
            Py_RETURN_NONE;
    }
    return method_in_python("backward", self, args, count, names);
}
