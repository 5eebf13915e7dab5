/* Putting a plain entry into a memory tier.

   In: entries and dicts that Python made. Out: the same tier as `cache/memory/stock.py` leaves without this module. */

#include "_store.h"

PyTypeObject *store_type;

static PyObject *str_let_go, *str_finish, *str_evicted, *str_remove, *str_evict, *str_capacity;

#define STORE_OBJECTS(visit) \
    visit(self->hot); visit(self->told); visit(self->others); visit(self->dirty); visit(self->order); visit(self->add); \
    visit(self->victim); visit(self->on_evict); visit(self->access); visit(self->forget); visit(self->tier)

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

/* A plain entry: without facts, of a text or whole-number key, with a size. 1 or 0, never an error. */
static int
is_plain(PyObject *entry, Py_ssize_t *nbytes)
{
    PyObject *key, *size;
    if (!is_entry(entry) || SLOT(entry, at.facts) != plain_facts) {
        return 0;
    }
    key = SLOT(entry, at.key);
    size = SLOT(entry, at.nbytes);
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
is_empty(PyObject *dict)
{
    return dict != NULL && PyDict_CheckExact(dict) && PyDict_GET_SIZE(dict) == 0;
}

/* Whether everything is as simple as it is most of the time. */
static int
is_simple(Store *self)
{
    return entry_type != NULL && !self->dating && !self->heard && self->hot != NULL && PyDict_CheckExact(self->hot)
           && is_empty(self->others) && is_empty(self->dirty) && self->access != NULL && self->tier != NULL
           && self->add != NULL && self->victim != NULL;
}

static int
is_full(Store *self, Py_ssize_t nbytes)
{
    return self->nbytes > self->max_bytes - nbytes || PyDict_GET_SIZE(self->hot) >= self->max_entries;
}

static int
let_go(Store *self)
{
    PyObject *done = PyObject_CallMethodNoArgs((PyObject *)self, str_let_go);
    Py_XDECREF(done);
    return done == NULL ? -1 : 0;
}

/* Count out an entry that has left. */
static int
count_out(Store *self, Py_ssize_t nbytes)
{
    self->nbytes -= nbytes;
    self->left_bytes += nbytes;
    return self->left_bytes > self->bearable && self->later == NULL ? let_go(self) : 0;
}

/* Whether events are forgotten. */
static int
is_silent(Store *self)
{
    return PyMethod_Check(self->access) && PyMethod_GET_FUNCTION(self->access) == self->forget;
}

static int
record(Store *self, PyObject *key, PyObject *event, PyObject *nbytes, PyObject *reason)
{
    PyObject *facts[] = {NULL, key, event, self->tier, nbytes, Py_None, reason}, *access, *done;
    if (is_silent(self)) {
        return 0;
    }
    if (self->later != NULL) {
        int full = append_event(native_events(self->access), facts + 1);
        self->later->full |= full == 1;
        return full < 0 ? -1 : 0;
    }
    access = Py_NewRef(self->access);
    done = PyObject_Vectorcall(access, facts + 1, FACTS | PY_VECTORCALL_ARGUMENTS_OFFSET, NULL);
    Py_DECREF(access);
    Py_XDECREF(done);
    return done == NULL ? -1 : 0;
}

/* Give back a reference to an entry that has left: now, or later if what its value does then has to wait. */
static void
part_with(Store *self, PyObject *entry)
{
    if (self->later == NULL) {
        Py_DECREF(entry);
        return;
    }
    Py_XDECREF(SLOT(entry, at.after));  /* None: it is in no ring */
    SLOT(entry, at.after) = self->later->gone;
    self->later->gone = entry;
}

/* Take the entry that is replaced out of the order and off the shelf. */
static int
set_aside(Store *self, PyObject *old, Py_ssize_t nbytes)
{
    Queue *queue = as_queue(self->order);
    if (queue != NULL) {
        if (queue_remove(queue, old) < 0) {
            return -1;
        }
    }
    else {
        PyObject *done = self->order == NULL ? NULL : PyObject_CallMethodOneArg(self->order, str_remove, old);
        Py_XDECREF(done);
        if (done == NULL) {
            return -1;
        }
    }
    return PyDict_DelItem(self->hot, SLOT(old, at.key)) < 0 ? -1 : count_out(self, nbytes);
}

/* Tell of a plain entry that has left: whoever takes it over, or the recorder. */
static int
tell_evicted(Store *self, PyObject *entry)
{
    PyObject *key = Py_NewRef(SLOT(entry, at.key)), *nbytes = Py_NewRef(SLOT(entry, at.nbytes));
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
    if (is_plain(entry, &nbytes)) {
        PyObject *key = SLOT(entry, at.key), *held = PyDict_GetItemWithError(self->hot, key);
        if (held == entry) {
            if (PyDict_DelItem(self->hot, key) < 0 || count_out(self, nbytes) < 0) {
                return -1;
            }
            return tell_evicted(self, entry);
        }
        if (held == NULL && PyErr_Occurred()) {
            return -1;
        }
        if (self->later != NULL) {
            return 0;  /* it is on no shelf: an interrupt fell between the two that know it */
        }
    }
    done = PyObject_CallMethodOneArg((PyObject *)self, str_evicted, entry);
    Py_XDECREF(done);
    return done == NULL ? -1 : 0;
}

/* Evict the entry that leaves first. */
static int
evict(Store *self)
{
    Queue *queue = as_queue(self->order);
    PyObject *entry, *victim;
    int failed;
    if (queue != NULL) {
        entry = queue_victim(queue);
    }
    else {
        victim = Py_NewRef(self->victim);
        entry = PyObject_CallNoArgs(victim);
        Py_DECREF(victim);
    }
    if (entry == NULL) {
        return -1;
    }
    failed = leave(self, entry) < 0;
    part_with(self, entry);
    return failed ? -1 : 0;
}

static int
put(Store *self, PyObject *entry, PyObject *key, Py_ssize_t nbytes)
{
    Queue *queue = as_queue(self->order);
    if (PyDict_SetItem(self->hot, key, entry) < 0) {
        return -1;
    }
    if (queue != NULL) {
        if (queue_add(queue, entry) < 0) {
            return -1;
        }
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
        done = !is_simple(self) ? 0 : evict(self) < 0 ? -1 : 1;
    }
    if (done > 0) {
        /* Who heard of an eviction may have stored what is not plain, or this very key. */
        done = is_simple(self) && PyDict_GetItemWithError(self->hot, key) == NULL;
    }
    return PyErr_Occurred() ? -1 : done;
}

/* Whether an entry can be stored here; -1 on errors. `old` is what is held of its key, a borrowed reference. */
static int
is_storable(Store *self, PyObject *entry, Py_ssize_t *nbytes, PyObject **old, Py_ssize_t *old_bytes)
{
    if (!is_simple(self) || !is_plain(entry, nbytes) || *nbytes > self->largest
        || (SLOT(entry, at.after) != NULL && SLOT(entry, at.after) != Py_None)) {
        return 0;
    }
    *old = PyDict_GetItemWithError(self->hot, SLOT(entry, at.key));
    if (*old == NULL) {
        return PyErr_Occurred() ? -1 : 1;
    }
    return is_plain(*old, old_bytes);
}

/* Put a plain entry in place of the one of its key; None, and nothing was done, if it needs more than is done here. */
static PyObject *
store_plain(Store *self, PyObject *const *args, Py_ssize_t count)
{
    PyObject *entry, *event, *reason, *key, *old = NULL;
    Py_ssize_t nbytes, old_bytes = 0;
    int room;
    if (count != 3) {
        PyErr_SetString(PyExc_TypeError, "an entry comes with an event and a reason");
        return NULL;
    }
    entry = args[0], event = args[1], reason = args[2];
    room = is_storable(self, entry, &nbytes, &old, &old_bytes);
    if (room <= 0) {
        return room < 0 ? NULL : Py_NewRef(Py_None);
    }
    key = SLOT(entry, at.key);
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
        || (event != Py_None && record(self, key, event, SLOT(entry, at.nbytes), reason) < 0)) {
        return NULL;
    }
    Py_RETURN_TRUE;
}

/* Whether no line of Python is needed to store, and so nothing can come between. */
static int
is_quick(Store *self)
{
    Events *events;
    if (!is_simple(self) || !is_empty(self->told) || as_queue(self->order) == NULL
        || (self->on_evict != NULL && self->on_evict != Py_None)) {
        return 0;
    }
    events = native_events(self->access);
    return events != NULL ? has_tape(events) : is_silent(self);
}

/* Do what had to wait; after a failure no more than that values go, whose finalizers keep the error that is set. */
static int
finish_later(Store *self, Later *later, int failed)
{
    while (later->gone != NULL) {
        PyObject *entry = later->gone;
        later->gone = SLOT(entry, at.after);
        SLOT(entry, at.after) = Py_NewRef(Py_None);
        Py_DECREF(entry);
    }
    if (!failed && self->left_bytes > self->bearable) {
        failed = let_go(self) < 0;
    }
    if (!failed && later->full) {
        Events *events = native_events(self->access);
        failed = events != NULL && cut_off(events) < 0;
    }
    return failed ? -1 : 0;
}

/* Put an entry in place of the one of its key, all in one go, so that no lock is needed; 1 if that was done, 0 if it
   needs more than is done here, -1 on errors. */
int
store_quickly(Store *self, PyObject *entry, PyObject *event)
{
    PyObject *old = NULL, *key;
    Py_ssize_t nbytes, old_bytes = 0;
    Later later = {NULL, 0};
    int done = is_quick(self) ? is_storable(self, entry, &nbytes, &old, &old_bytes) : 0;
    if (done <= 0 || (old != NULL && !is_linked(old))) {
        return done < 0 ? -1 : 0;
    }
    key = SLOT(entry, at.key);
    self->later = &later;
    if (old != NULL) {
        Py_INCREF(old);
        done = set_aside(self, old, old_bytes) < 0 ? -1 : 1;
        part_with(self, old);
    }
    done = done < 0 ? -1 : make_room(self, key, nbytes);
    if (done > 0 && (put(self, entry, key, nbytes) < 0
                     || record(self, key, event, SLOT(entry, at.nbytes), Py_None) < 0)) {
        done = -1;
    }
    self->later = NULL;
    return finish_later(self, &later, done < 0) < 0 ? -1 : done;
}

static PyObject *
store_new_entry(Store *self, PyObject *const *args, Py_ssize_t count)
{
    if (count != 3 || entry_type == NULL) {
        PyErr_SetString(PyExc_TypeError, "an entry has a key, a value and a size");
        return NULL;
    }
    return new_entry(args[0], args[1], args[2]);
}

static PyMethodDef store_methods[] = {
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
    {"_told", T_OBJECT_EX, offsetof(Store, told), 0, NULL},
    {"order", T_OBJECT_EX, offsetof(Store, order), 0, NULL},
    {"_add", T_OBJECT_EX, offsetof(Store, add), 0, NULL},
    {"_victim", T_OBJECT_EX, offsetof(Store, victim), 0, NULL},
    {"_access", T_OBJECT_EX, offsetof(Store, access), 0, NULL},
    {"_forget", T_OBJECT_EX, offsetof(Store, forget), 0, NULL},
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
        {&str_let_go, "_let_go"}, {&str_finish, "_finish_store"}, {&str_evicted, "_evicted"},
        {&str_remove, "remove"}, {&str_evict, "evict"}, {&str_capacity, "capacity"},
    };
    for (size_t place = 0; place < Py_ARRAY_LENGTH(texts); place++) {
        if (intern(texts[place].place, texts[place].text) < 0) {
            return -1;
        }
    }
    return 0;
}
