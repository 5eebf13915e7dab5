/* Putting a plain entry into a memory tier.

   In: entries and dicts that Python made. Out: the same tier as `cache/memory/stock.py` leaves without this module. */

#include "_writes.h"

static void
set_slot(PyObject *object, Py_ssize_t offset, PyObject *value)
{
    PyObject *old = SLOT(object, offset);
    SLOT(object, offset) = Py_NewRef(value);
    Py_XDECREF(old);
}

/* The slots of an entry that are read or written here. */
typedef struct {
    Py_ssize_t key, value, nbytes, expires, facts, code, home, before, after;
} Slots;

typedef struct {
    PyObject_HEAD
    PyTypeObject *entry;   /* the class of the entries */
    Slots at;
    PyObject *plain;       /* the facts of an entry without any */
    PyObject *never;       /* the end of an entry that has none */
    PyObject *hot;         /* dict: key -> entry, of entries that never expire */
    PyObject *others;      /* dict of all other entries */
    PyObject *dirty;       /* dict of the entries that are to be written back */
    PyObject *add;         /* of the policy; the four are None or unset where the queue is a ring of entries */
    PyObject *victim;
    PyObject *root;        /* of the ring, or None */
    PyObject *mark;        /* what the policy marks its entries with */
    PyObject *on_evict;
    PyObject *access;
    PyObject *tier;
    Py_ssize_t nbytes, max_bytes, max_entries, largest, left_bytes, bearable;
    char dating, heard;
} Store;

static PyObject *str_let_go, *str_finish, *str_evicted, *str_order, *str_remove, *str_evict, *str_capacity;

#define STORE_OBJECTS(visit) \
    visit(self->entry); visit(self->plain); visit(self->never); visit(self->hot); visit(self->others); visit(self->dirty); \
    visit(self->add); visit(self->victim); visit(self->root); visit(self->mark); visit(self->on_evict); \
    visit(self->access); visit(self->tier)

static int
store_traverse(Store *self, visitproc visit, void *arg)
{
    Py_VISIT(Py_TYPE(self));
    STORE_OBJECTS(Py_VISIT);
    return 0;
}

static int
store_clear(Store *self)
{
    STORE_OBJECTS(Py_CLEAR);
    return 0;
}

static void
store_dealloc(Store *self)
{
    PyTypeObject *type = Py_TYPE(self);
    PyObject_GC_UnTrack(self);
    store_clear(self);
    type->tp_free((PyObject *)self);
    Py_DECREF(type);
}

static PyObject *
store_holds_entries(Store *self, PyObject *args)
{
    PyTypeObject *entry;
    PyObject *plain, *never;
    Slots at;
    struct { const char *name; Py_ssize_t *offset; } wanted[] = {
        {"key", &at.key}, {"value", &at.value}, {"nbytes", &at.nbytes}, {"expires", &at.expires},
        {"facts", &at.facts}, {"code", &at.code}, {"home", &at.home}, {"before", &at.before}, {"after", &at.after},
    };
    if (!PyArg_ParseTuple(args, "O!OO", &PyType_Type, &entry, &plain, &never)) {
        return NULL;
    }
    for (size_t place = 0; place < Py_ARRAY_LENGTH(wanted); place++) {
        *wanted[place].offset = needed_slot(entry, wanted[place].name);
        if (*wanted[place].offset < 0) {
            return NULL;
        }
    }
    self->at = at;
    Py_XSETREF(self->plain, Py_NewRef(plain));
    Py_XSETREF(self->never, Py_NewRef(never));
    Py_XSETREF(self->entry, (PyTypeObject *)Py_NewRef((PyObject *)entry));
    Py_RETURN_NONE;
}

/* A plain entry: of the class, without facts, of a text or whole-number key, with a size. 1 or 0, never an error. */
static int
is_plain(Store *self, PyObject *entry, Py_ssize_t *nbytes)
{
    PyObject *key, *size;
    if (entry == NULL || !Py_IS_TYPE(entry, self->entry) || SLOT(entry, self->at.facts) != self->plain) {
        return 0;
    }
    key = SLOT(entry, self->at.key);
    size = SLOT(entry, self->at.nbytes);
    if (key == NULL || !(PyUnicode_CheckExact(key) || PyLong_CheckExact(key)) || size == NULL
        || !PyLong_CheckExact(size)) {
        return 0;
    }
    *nbytes = PyLong_AsSsize_t(size);
    if (*nbytes == -1 && PyErr_Occurred()) {
        PyErr_Clear();
        return 0;
    }
    return *nbytes >= 0;
}

static int
is_linked(Store *self, PyObject *entry)
{
    PyObject *before = SLOT(entry, self->at.before), *after = SLOT(entry, self->at.after);
    return before != NULL && after != NULL && Py_IS_TYPE(before, self->entry) && Py_IS_TYPE(after, self->entry);
}

/* Take an entry out of the ring; the caller holds a reference to it. */
static void
unlink_entry(Store *self, PyObject *entry)
{
    PyObject *before = Py_NewRef(SLOT(entry, self->at.before)), *after = Py_NewRef(SLOT(entry, self->at.after));
    set_slot(before, self->at.after, after);
    set_slot(after, self->at.before, before);
    set_slot(entry, self->at.before, Py_None);
    set_slot(entry, self->at.after, Py_None);
    set_slot(entry, self->at.home, Py_None);
    Py_DECREF(before);
    Py_DECREF(after);
}

/* Put an entry that is in no ring behind the last one. */
static void
link_entry(Store *self, PyObject *entry)
{
    PyObject *last = Py_NewRef(SLOT(self->root, self->at.before));
    set_slot(entry, self->at.home, self->mark);
    set_slot(entry, self->at.before, last);
    set_slot(entry, self->at.after, self->root);
    set_slot(last, self->at.after, entry);
    set_slot(self->root, self->at.before, entry);
    Py_DECREF(last);
}

/* Whether the queue is a ring in which entries can be linked here. */
static int
has_ring(Store *self)
{
    return self->root != NULL && Py_IS_TYPE(self->root, self->entry) && self->mark != NULL && is_linked(self, self->root);
}

/* Whether everything is as simple as it is most of the time. */
static int
is_simple(Store *self)
{
    return self->entry != NULL && !self->dating && !self->heard && self->hot != NULL && PyDict_CheckExact(self->hot)
           && self->others != NULL && PyDict_CheckExact(self->others) && PyDict_GET_SIZE(self->others) == 0
           && self->dirty != NULL && PyDict_CheckExact(self->dirty) && PyDict_GET_SIZE(self->dirty) == 0
           && self->access != NULL && self->tier != NULL && self->add != NULL && self->victim != NULL;
}

static int
is_full(Store *self, Py_ssize_t nbytes)
{
    return self->nbytes > self->max_bytes - nbytes || PyDict_GET_SIZE(self->hot) >= self->max_entries;
}

/* Count out an entry that has left. */
static int
count_out(Store *self, Py_ssize_t nbytes)
{
    PyObject *done;
    self->nbytes -= nbytes;
    self->left_bytes += nbytes;
    if (self->left_bytes <= self->bearable) {
        return 0;
    }
    done = PyObject_CallMethodNoArgs((PyObject *)self, str_let_go);
    Py_XDECREF(done);
    return done == NULL ? -1 : 0;
}

static int
record(Store *self, PyObject *key, PyObject *event, PyObject *nbytes, PyObject *reason)
{
    PyObject *facts[] = {NULL, key, event, self->tier, nbytes, Py_None, reason};
    PyObject *access = Py_NewRef(self->access), *done;
    done = PyObject_Vectorcall(access, facts + 1, FACTS | PY_VECTORCALL_ARGUMENTS_OFFSET, NULL);
    Py_DECREF(access);
    Py_XDECREF(done);
    return done == NULL ? -1 : 0;
}

/* Take the entry that is replaced out of the order and off the shelf. */
static int
set_aside(Store *self, PyObject *old, Py_ssize_t nbytes)
{
    if (has_ring(self) && is_linked(self, old)) {
        unlink_entry(self, old);
    }
    else {
        PyObject *order = PyObject_GetAttr((PyObject *)self, str_order);
        PyObject *done = order == NULL ? NULL : PyObject_CallMethodOneArg(order, str_remove, old);
        Py_XDECREF(order);
        Py_XDECREF(done);
        if (done == NULL) {
            return -1;
        }
    }
    return PyDict_DelItem(self->hot, SLOT(old, self->at.key)) < 0 ? -1 : count_out(self, nbytes);
}

/* Tell of a plain entry that has left: whoever takes it over, or the recorder. */
static int
tell_evicted(Store *self, PyObject *entry)
{
    PyObject *key = Py_NewRef(SLOT(entry, self->at.key)), *nbytes = Py_NewRef(SLOT(entry, self->at.nbytes));
    int failed;
    if (self->on_evict != NULL && self->on_evict != Py_None) {
        PyObject *on_evict = Py_NewRef(self->on_evict);
        PyObject *done = PyObject_CallFunctionObjArgs(on_evict, key, entry, NULL);
        Py_DECREF(on_evict);
        Py_XDECREF(done);
        failed = done == NULL;
    }
    else {
        failed = record(self, key, str_evict, nbytes, str_capacity) < 0;
    }
    Py_DECREF(key);
    Py_DECREF(nbytes);
    return failed ? -1 : 0;
}

/* Take an entry that the policy has let go of off the shelf; -1 on errors. */
static int
leave(Store *self, PyObject *entry)
{
    Py_ssize_t nbytes;
    PyObject *done;
    if (is_plain(self, entry, &nbytes)) {
        PyObject *key = SLOT(entry, self->at.key), *held = PyDict_GetItemWithError(self->hot, key);
        if (held == entry) {
            if (PyDict_DelItem(self->hot, key) < 0 || count_out(self, nbytes) < 0) {
                return -1;
            }
            return tell_evicted(self, entry);
        }
        if (held == NULL && PyErr_Occurred()) {
            return -1;
        }
    }
    done = PyObject_CallMethodOneArg((PyObject *)self, str_evicted, entry);
    Py_XDECREF(done);
    return done == NULL ? -1 : 0;
}

/* Evict the entry that leaves first: 1 if it did, 0 if that needs more than is done here, -1 on errors. */
static int
evict(Store *self)
{
    PyObject *entry;
    Py_ssize_t nbytes;
    int failed;
    if (has_ring(self)) {
        entry = SLOT(self->root, self->at.after);
        if (entry == self->root || !is_plain(self, entry, &nbytes) || !is_linked(self, entry)) {
            return 0;
        }
        Py_INCREF(entry);
        unlink_entry(self, entry);
    }
    else {
        PyObject *victim = Py_NewRef(self->victim);
        entry = PyObject_CallNoArgs(victim);
        Py_DECREF(victim);
        if (entry == NULL) {
            return -1;
        }
    }
    failed = leave(self, entry) < 0;
    Py_DECREF(entry);
    return failed ? -1 : 1;
}

static int
put(Store *self, PyObject *entry, PyObject *key, Py_ssize_t nbytes)
{
    if (PyDict_SetItem(self->hot, key, entry) < 0) {
        return -1;
    }
    if (has_ring(self)) {
        link_entry(self, entry);
    }
    else {
        PyObject *add = Py_NewRef(self->add), *done = PyObject_CallOneArg(add, entry);
        Py_DECREF(add);
        Py_XDECREF(done);
        if (done == NULL) {
            return -1;
        }
    }
    self->nbytes += nbytes;
    return 0;
}

/* Make room for so many bytes and a key; 1 if there is, 0 if something is not plain any more, -1 on errors. */
static int
make_room(Store *self, PyObject *key, Py_ssize_t nbytes)
{
    int done = 1;
    while (done > 0 && is_full(self, nbytes)) {
        done = is_simple(self) ? evict(self) : 0;
    }
    if (done > 0) {
        /* Who heard of an eviction may have stored what is not plain, or this very key. */
        done = is_simple(self) && PyDict_GetItemWithError(self->hot, key) == NULL;
    }
    return PyErr_Occurred() ? -1 : done;
}

/* Put a plain entry in place of the one of its key; None, and nothing was done, if it needs more than is done here. */
static PyObject *
store_plain(Store *self, PyObject *const *args, Py_ssize_t count)
{
    PyObject *entry, *event, *reason, *key, *old;
    Py_ssize_t nbytes, old_bytes;
    int room;
    if (count != 3) {
        PyErr_SetString(PyExc_TypeError, "an entry comes with an event and a reason");
        return NULL;
    }
    entry = args[0], event = args[1], reason = args[2];
    if (!is_simple(self) || !is_plain(self, entry, &nbytes) || nbytes > self->largest
        || (SLOT(entry, self->at.after) != NULL && SLOT(entry, self->at.after) != Py_None)) {
        Py_RETURN_NONE;
    }
    key = SLOT(entry, self->at.key);
    old = PyDict_GetItemWithError(self->hot, key);
    if (old == NULL && PyErr_Occurred()) {
        return NULL;
    }
    if (old != NULL && !is_plain(self, old, &old_bytes)) {
        Py_RETURN_NONE;
    }
    Py_XINCREF(old);
    room = old != NULL && set_aside(self, old, old_bytes) < 0 ? -1 : make_room(self, key, nbytes);
    if (room == 0) {
        PyObject *result = PyObject_CallMethodObjArgs((PyObject *)self, str_finish, entry, old == NULL ? Py_None : old,
                                                      event, reason, NULL);
        Py_XDECREF(old);
        return result;
    }
    Py_XDECREF(old);
    if (room < 0 || put(self, entry, key, nbytes) < 0
        || (event != Py_None && record(self, key, event, SLOT(entry, self->at.nbytes), reason) < 0)) {
        return NULL;
    }
    Py_RETURN_TRUE;
}

/* Make an entry without facts; what its class does with these arguments, without the call. */
static PyObject *
store_new_entry(Store *self, PyObject *const *args, Py_ssize_t count)
{
    PyObject *entry, *zero;
    if (count != 3 || self->entry == NULL) {
        PyErr_SetString(PyExc_TypeError, "an entry has a key, a value and a size");
        return NULL;
    }
    zero = PyLong_FromLong(0);
    entry = zero == NULL ? NULL : self->entry->tp_alloc(self->entry, 0);
    if (entry != NULL) {
        SLOT(entry, self->at.key) = Py_NewRef(args[0]);
        SLOT(entry, self->at.value) = Py_NewRef(args[1]);
        SLOT(entry, self->at.nbytes) = Py_NewRef(args[2]);
        SLOT(entry, self->at.expires) = Py_NewRef(self->never);
        SLOT(entry, self->at.facts) = Py_NewRef(self->plain);
        SLOT(entry, self->at.code) = Py_NewRef(zero);
    }
    Py_XDECREF(zero);
    return entry;
}

static PyMethodDef store_methods[] = {
    {"_holds_entries", (PyCFunction)store_holds_entries, METH_VARARGS,
     PyDoc_STR("_holds_entries($self, entry, plain, never, /)\n--\n\n"
               "Hold entries of a class; of most the facts are `plain`, and the end is `never`.")},
    {"_store_plain", (PyCFunction)(void (*)(void))store_plain, METH_FASTCALL,
     PyDoc_STR("_store_plain($self, entry, event, reason, /)\n--\n\n"
               "Do what `store` does if that is simple; None, and nothing was done, if it is not.")},
    {"new_entry", (PyCFunction)(void (*)(void))store_new_entry, METH_FASTCALL,
     PyDoc_STR("new_entry($self, key, value, nbytes, /)\n--\n\nReturn an entry without facts.")},
    {NULL, NULL, 0, NULL},
};

static PyMemberDef store_members[] = {
    {"nbytes", T_PYSSIZET, offsetof(Store, nbytes), 0, NULL},
    {"max_bytes", T_PYSSIZET, offsetof(Store, max_bytes), 0, NULL},
    {"max_entries", T_PYSSIZET, offsetof(Store, max_entries), 0, NULL},
    {"_largest", T_PYSSIZET, offsetof(Store, largest), 0, NULL},
    {"_left_bytes", T_PYSSIZET, offsetof(Store, left_bytes), 0, NULL},
    {"_bearable", T_PYSSIZET, offsetof(Store, bearable), 0, NULL},
    {"_dating", T_BOOL, offsetof(Store, dating), 0, NULL},
    {"_heard", T_BOOL, offsetof(Store, heard), 0, NULL},
    {"_hot", T_OBJECT_EX, offsetof(Store, hot), 0, NULL},
    {"_others", T_OBJECT_EX, offsetof(Store, others), 0, NULL},
    {"_dirty", T_OBJECT_EX, offsetof(Store, dirty), 0, NULL},
    {"_add", T_OBJECT_EX, offsetof(Store, add), 0, NULL},
    {"_victim", T_OBJECT_EX, offsetof(Store, victim), 0, NULL},
    {"_root", T_OBJECT_EX, offsetof(Store, root), 0, NULL},
    {"_mark", T_OBJECT_EX, offsetof(Store, mark), 0, NULL},
    {"_access", T_OBJECT_EX, offsetof(Store, access), 0, NULL},
    {"_tier", T_OBJECT_EX, offsetof(Store, tier), 0, NULL},
    {"on_evict", T_OBJECT_EX, offsetof(Store, on_evict), 0, NULL},
    {NULL, 0, 0, 0, NULL},
};

static PyType_Slot store_slots[] = {
    {Py_tp_doc, (void *)PyDoc_STR("Storing plain entries; see `perflab.cache.memory.stock`.")},
    {Py_tp_traverse, store_traverse},
    {Py_tp_clear, store_clear},
    {Py_tp_dealloc, store_dealloc},
    {Py_tp_methods, store_methods},
    {Py_tp_members, store_members},
    {0, NULL},
};

PyType_Spec store_spec = {
    .name = "perflab._writes.Store",
    .basicsize = sizeof(Store),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_HAVE_GC,
    .slots = store_slots,
};

int
fill_store(void)
{
    struct { PyObject **place; const char *text; } texts[] = {
        {&str_let_go, "_let_go"}, {&str_finish, "_finish_store"}, {&str_evicted, "_evicted"}, {&str_order, "order"},
        {&str_remove, "remove"}, {&str_evict, "evict"}, {&str_capacity, "capacity"},
    };
    for (size_t place = 0; place < Py_ARRAY_LENGTH(texts); place++) {
        if (intern(texts[place].place, texts[place].text) < 0) {
            return -1;
        }
    }
    return 0;
}
