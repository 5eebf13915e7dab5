/* A memory tier as a mapping: the reads and the writes of it that need no line of Python.

   In: keys and values. Out: what `cache/memory/plainly.py` says; everything else is left to `_get_slowly`, `_set_slowly`
   and `_store`. What is done here is done in one go: no other thread, and no signal, comes between. */

#include "_lock.h"
#include "_store.h"

typedef struct {
    PyObject_HEAD
    PyObject *hot, *others;         /* as of the store */
    PyObject *reads;                /* list: entries that were read, of which the policy was not told */
    PyObject *hits;                 /* None, or where others note reads */
    PyObject *stock;                /* a store */
    PyObject *lock;
    PyObject *weigh, *plain_weigh;  /* what entries cost, and that which is known here */
    Py_ssize_t most_reads;
    char quick;                     /* whether entries are of the class that is made here */
} Stocked;

#define STOCKED_OBJECTS(visit) \
    visit(self->hot); visit(self->others); visit(self->reads); visit(self->hits); visit(self->stock); \
    visit(self->lock); visit(self->weigh); visit(self->plain_weigh)

enum { ENTRY_BYTES = 200 };  /* as in `cache/memory/weight.py` */

static PyObject *str_get_slowly, *str_set_slowly, *str_store, *str_delete, *str_set, *str_sizeof;

static int
stocked_traverse(Stocked *self, visitproc visit, void *arg)
{
    Py_VISIT(Py_TYPE(self));
    STOCKED_OBJECTS(Py_VISIT);
    return 0;
}

static int
stocked_clear(Stocked *self)
{
    STOCKED_OBJECTS(Py_CLEAR);
    return 0;
}

static void
stocked_dealloc(Stocked *self)
{
    PyTypeObject *type = Py_TYPE(self);
    PyObject_GC_UnTrack(self);
    stocked_clear(self);
    type->tp_free((PyObject *)self);
    Py_DECREF(type);
}

static int
is_plain_key(PyObject *key)
{
    return PyUnicode_CheckExact(key) || PyLong_CheckExact(key);
}

/* Return the value of a key and note the read; NULL, without an error, if that is not found here. */
static PyObject *
find(Stocked *self, PyObject *key)
{
    PyObject *entry, *value, *its_key;
    if (!is_plain_key(key) || self->hot == NULL || self->reads == NULL || !PyList_CheckExact(self->reads)
        || PyList_GET_SIZE(self->reads) + 1 >= self->most_reads) {
        return NULL;
    }
    entry = PyDict_GetItemWithError(self->hot, key);
    if (entry == NULL || !is_entry(entry)) {
        return NULL;
    }
    its_key = SLOT(entry, at.key), value = SLOT(entry, at.value);
    if (value == NULL || its_key == NULL || !Py_IS_TYPE(its_key, Py_TYPE(key))) {
        return NULL;
    }
    Py_INCREF(value);
    if (PyList_Append(self->reads, entry) < 0) {
        Py_DECREF(value);
        return NULL;
    }
    return value;
}

static PyObject *
get(Stocked *self, PyObject *key, PyObject *otherwise)
{
    PyObject *value = find(self, key);
    if (value != NULL || PyErr_Occurred()) {
        return value;
    }
    if (is_plain_key(key) && self->others != NULL && PyDict_GET_SIZE(self->others) == 0 && self->hot != NULL
        && PyDict_GetItemWithError(self->hot, key) == NULL && !PyErr_Occurred()) {
        return Py_NewRef(otherwise);
    }
    return PyObject_CallMethodObjArgs((PyObject *)self, str_get_slowly, key, otherwise, NULL);
}

static PyObject *
stocked_get(Stocked *self, PyObject *const *args, Py_ssize_t count, PyObject *names)
{
    static const char *const parameters[] = {"key", "default"};
    PyObject *given[] = {NULL, NULL};
    if (given_once("get", parameters, 2, given, args, count, names) < 0) {
        return NULL;
    }
    if (given[0] == NULL) {
        PyErr_SetString(PyExc_TypeError, "get() takes a key and a default; the key is missing");
        return NULL;
    }
    return get(self, given[0], given[1] == NULL ? Py_None : given[1]);
}

/* What a value that refers to nothing takes, or a key; -1 for others. */
static Py_ssize_t
plain_size(PyObject *value)
{
    PyObject *told;
    Py_ssize_t size;
    if (PyUnicode_CheckExact(value) && PyUnicode_IS_COMPACT_ASCII(value)) {
        return (Py_ssize_t)sizeof(PyASCIIObject) + PyUnicode_GET_LENGTH(value) + 1;
    }
    if (PyBytes_CheckExact(value)) {
        return PyBytes_Type.tp_basicsize + PyBytes_GET_SIZE(value);
    }
    if (!is_plain_key(value) && !PyFloat_CheckExact(value) && !PyBool_Check(value) && value != Py_None) {
        return -1;
    }
    told = PyObject_CallMethodNoArgs(value, str_sizeof);
    size = told == NULL ? -1 : PyLong_AsSsize_t(told);
    Py_XDECREF(told);
    return size;
}

/* Return the weight of an entry. */
static PyObject *
weight_of(Stocked *self, PyObject *key, PyObject *value)
{
    PyObject *weigh, *weight;
    if (self->weigh == self->plain_weigh) {
        Py_ssize_t of_value = plain_size(value), of_key = of_value < 0 ? -1 : plain_size(key);
        if (of_key >= 0) {
            return PyLong_FromSsize_t(of_key + of_value + ENTRY_BYTES);
        }
        if (PyErr_Occurred()) {
            return NULL;
        }
    }
    weigh = Py_NewRef(self->weigh);
    weight = PyObject_CallFunctionObjArgs(weigh, key, value, NULL);
    Py_DECREF(weigh);
    return weight;
}

/* Tell the policy of the reads that are noted; 1 if there are none any more, 0 if that needs Python, -1 on errors. */
static int
caught_up(Stocked *self)
{
    Queue *queue = as_queue(((Store *)self->stock)->order);
    Py_ssize_t count = self->reads != NULL && PyList_CheckExact(self->reads) ? PyList_GET_SIZE(self->reads) : -1;
    if (count < 0 || queue == NULL || self->hits != Py_None) {
        return 0;
    }
    for (Py_ssize_t place = 0; place < count; place++) {
        if (queue_use(queue, PyList_GET_ITEM(self->reads, place)) < 0) {
            return -1;
        }
    }
    /* What has left may be gone with the list, and run any code. */
    return count > 0 && PyList_SetSlice(self->reads, 0, count, NULL) < 0 ? -1 : PyList_GET_SIZE(self->reads) == 0;
}

/* Store an entry in one go, while nobody is within the lock: 1 if that was done, 0 if it needs Python, -1 on errors. */
static int
store_in_one_go(Stocked *self, PyObject *entry)
{
    int done;
    if (!Py_IS_TYPE(self->lock, lock_type) || ((Lock *)self->lock)->held || !PyObject_TypeCheck(self->stock, store_type)) {
        return 0;
    }
    done = caught_up(self);
    return done <= 0 || ((Lock *)self->lock)->held ? done < 0 ? -1 : 0 : store_quickly((Store *)self->stock, entry, str_set);
}

/* Store what has no facts but a key and a value. */
static PyObject *
set_plain(Stocked *self, PyObject *key, PyObject *value)
{
    PyObject *weight = weight_of(self, key, value), *entry, *stored;
    int done;
    if (weight == NULL) {
        return NULL;
    }
    entry = new_entry(key, value, weight);
    Py_DECREF(weight);
    done = entry == NULL ? -1 : store_in_one_go(self, entry);
    stored = done < 0 ? NULL
             : done > 0 ? Py_NewRef(Py_True)
             : PyObject_CallMethodObjArgs((PyObject *)self, str_store, entry, str_set, Py_None, Py_False, NULL);
    Py_XDECREF(entry);
    return stored;
}

static int
is_ready(Stocked *self, PyObject *key)
{
    return self->quick && is_plain_key(key) && self->stock != NULL && self->lock != NULL && self->weigh != NULL
           && self->hits != NULL && entry_type != NULL;
}

static PyObject *
stocked_set(Stocked *self, PyObject *const *args, Py_ssize_t count, PyObject *names)
{
    PyObject *slowly, *stored;
    if (count == 2 && names == NULL && is_ready(self, args[0])) {
        return set_plain(self, args[0], args[1]);
    }
    slowly = PyObject_GetAttr((PyObject *)self, str_set_slowly);
    stored = slowly == NULL ? NULL : PyObject_Vectorcall(slowly, args, (size_t)count, names);
    Py_XDECREF(slowly);
    return stored;
}

static int
stocked_assign(Stocked *self, PyObject *key, PyObject *value)
{
    PyObject *args[] = {key, value}, *done;
    if (value == NULL) {
        done = PyObject_CallMethodObjArgs((PyObject *)self, str_delete, key, NULL);
    }
    else {
        done = stocked_set(self, args, 2, NULL);
    }
    Py_XDECREF(done);
    return done == NULL ? -1 : 0;
}

static PyMethodDef stocked_methods[] = {
    {"get", (PyCFunction)(void (*)(void))stocked_get, METH_FASTCALL | METH_KEYWORDS,
     PyDoc_STR("get($self, /, key, default=None)\n--\n\n"
               "Return the value of a key, or the default; this is a use of the entry.")},
    {"set", (PyCFunction)(void (*)(void))stocked_set, METH_FASTCALL | METH_KEYWORDS,
     PyDoc_STR("set($self, /, key, value, *, ttl=None, cost=None, tags=(), dirty=False)\n--\n\n"
               "Store a value; False if it was not stored, because it is larger than the tier or its `ttl` is 0.\n\n"
               "The old value of the key is gone in either case. `ttl` is in seconds, `tags` are names for `invalidate`;\n"
               "`perflab.cache.memory.plainly` says more.")},
    {NULL, NULL, 0, NULL},
};

static PyMemberDef stocked_members[] = {
    {"hot", T_OBJECT_EX, offsetof(Stocked, hot), 0, NULL},
    {"_others", T_OBJECT_EX, offsetof(Stocked, others), 0, NULL},
    {"_reads", T_OBJECT_EX, offsetof(Stocked, reads), 0, NULL},
    {"_hits", T_OBJECT_EX, offsetof(Stocked, hits), 0, NULL},
    {"_stock", T_OBJECT_EX, offsetof(Stocked, stock), 0, NULL},
    {"_lock", T_OBJECT_EX, offsetof(Stocked, lock), 0, NULL},
    {"weigh", T_OBJECT_EX, offsetof(Stocked, weigh), 0, NULL},
    {"_plain_weigh", T_OBJECT_EX, offsetof(Stocked, plain_weigh), 0, NULL},
    {"_most_reads", T_PYSSIZET, offsetof(Stocked, most_reads), 0, NULL},
    {"_quick", T_BOOL, offsetof(Stocked, quick), 0, NULL},
    {NULL, 0, 0, 0, NULL},
};

static PyType_Slot stocked_slots[] = {
    {Py_tp_doc, (void *)PyDoc_STR("A memory tier as a mapping; see `perflab.cache.memory.plainly`.")},
    {Py_tp_traverse, stocked_traverse},
    {Py_tp_clear, stocked_clear},
    {Py_tp_dealloc, stocked_dealloc},
    {Py_tp_methods, stocked_methods},
    {Py_tp_members, stocked_members},
    {Py_mp_ass_subscript, stocked_assign},
    {0, NULL},
};

PyType_Spec stocked_spec = {
    .name = "perflab._writes.Stocked",
    .basicsize = sizeof(Stocked),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_HAVE_GC,
    .slots = stocked_slots,
};

int
fill_stocked(void)
{
    return intern(&str_get_slowly, "_get_slowly") < 0 || intern(&str_set_slowly, "_set_slowly") < 0
           || intern(&str_store, "_store") < 0 || intern(&str_delete, "_delete") < 0 || intern(&str_set, "set") < 0
           || intern(&str_sizeof, "__sizeof__") < 0 ? -1 : 0;
}
