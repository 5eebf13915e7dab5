/* Queues in whose order entries leave: first in, first out; least recently used; S3-FIFO.

   In: entries and reads of them. Out: the same entry leaves as by `cache/policy/queues.py` and `cache/policy/s3fifo.py`,
   which tell the algorithms and are used where this was not built. */

#include "_queues.h"

enum { FIFO, LRU, S3FIFO };
enum { SMALL_SHARE = 10, ENOUGH = 2, MOST_USES = 3, IN_MAIN = 4 };

PyTypeObject *fifo_type, *lru_type, *s3fifo_type;

static PyObject *
new_root(void)
{
    PyObject *root = new_entry(Py_None, Py_None, Py_None);
    if (root != NULL) {
        SLOT(root, at.before) = Py_NewRef(root);
        SLOT(root, at.after) = Py_NewRef(root);
    }
    return root;
}

static int
has_kind(PyTypeObject *type, PyTypeObject *kind)
{
    return kind != NULL && PyType_IsSubtype(type, kind);
}

static PyObject *
queue_new(PyTypeObject *type, PyObject *args, PyObject *named)
{
    Queue *self;
    if (PyTuple_GET_SIZE(args) != 0 || (named != NULL && PyDict_GET_SIZE(named) != 0)) {
        PyErr_SetString(PyExc_TypeError, "a policy is made without arguments");
        return NULL;
    }
    if (entry_type == NULL) {
        PyErr_SetString(PyExc_RuntimeError, "there is no class of entries yet; perflab.cache gives it");
        return NULL;
    }
    self = (Queue *)type->tp_alloc(type, 0);
    if (self == NULL) {
        return NULL;
    }
    self->kind = has_kind(type, s3fifo_type) ? S3FIFO : has_kind(type, lru_type) ? LRU : FIFO;
    self->mark = PyObject_CallNoArgs((PyObject *)&PyBaseObject_Type);
    self->first = self->mark == NULL ? NULL : new_root();
    self->second = self->first == NULL ? NULL : new_root();
    if (self->second == NULL) {
        Py_DECREF(self);
        return NULL;
    }
    return (PyObject *)self;
}

static int
queue_traverse(Queue *self, visitproc visit, void *arg)
{
    Py_VISIT(Py_TYPE(self));
    Py_VISIT(self->mark);
    Py_VISIT(self->first);
    Py_VISIT(self->second);
    return 0;
}

/* Part all neighbours: values go when the last one lets go of them, not when a collector finds the circle. */
static void
part(PyObject **root)
{
    PyObject *held = *root, *entry, *after;
    *root = NULL;
    if (held == NULL) {
        return;
    }
    for (entry = Py_XNewRef(SLOT(held, at.after)); is_entry(entry) && entry != held; entry = after) {
        after = Py_XNewRef(SLOT(entry, at.after));
        set_slot(entry, at.before, Py_None);
        set_slot(entry, at.after, Py_None);
        Py_DECREF(entry);
    }
    Py_XDECREF(entry);
    set_slot(held, at.before, Py_None);
    set_slot(held, at.after, Py_None);
    Py_DECREF(held);
}

static int
queue_clear(Queue *self)
{
    Py_CLEAR(self->mark);
    part(&self->first);
    part(&self->second);
    return 0;
}

static void
queue_dealloc(Queue *self)
{
    PyTypeObject *type = Py_TYPE(self);
    PyObject_GC_UnTrack(self);
    queue_clear(self);
    PyMem_Free(self->ghosts.table);
    type->tp_free((PyObject *)self);
    Py_DECREF(type);
}

static int
whole_number(PyObject *object, Py_ssize_t *number)
{
    if (object == NULL) {
        PyErr_SetString(PyExc_AttributeError, "an entry of a queue has a size, and a count of its uses");
        return -1;
    }
    *number = PyLong_AsSsize_t(object);
    return *number == -1 && PyErr_Occurred() ? -1 : 0;
}

static int
set_uses(PyObject *entry, long uses)
{
    PyObject *number = PyLong_FromLong(uses);
    if (number == NULL) {
        return -1;
    }
    set_slot(entry, at.uses, number);
    Py_DECREF(number);
    return 0;
}

static int
add_to_s3fifo(Queue *self, PyObject *entry)
{
    Py_ssize_t nbytes, departed;
    Py_hash_t hash = PyObject_Hash(SLOT(entry, at.key));
    if (hash == -1 || whole_number(SLOT(entry, at.nbytes), &nbytes) < 0) {
        return -1;
    }
    departed = recall(&self->ghosts, hash);
    self->bytes += nbytes;
    self->held++;
    if (departed && departed > self->ghosts.departed - self->held) {
        link_entry(self->second, entry);
        return set_uses(entry, IN_MAIN);
    }
    self->small_bytes += nbytes;
    link_entry(self->first, entry);
    return set_uses(entry, 0);
}

/* Whether the rings are there: a collector may have parted them, and others can write on entries. */
static int
is_whole(Queue *self)
{
    return self->first != NULL && self->second != NULL && is_linked(self->first) && is_linked(self->second);
}

int
queue_add(Queue *self, PyObject *entry)
{
    if (!is_whole(self) || SLOT(entry, at.key) == NULL || is_linked(entry)) {
        PyErr_SetString(PyExc_ValueError, "an entry has a key, and is in one queue at a time");
        return -1;
    }
    set_slot(entry, at.home, self->mark);
    if (self->kind == S3FIFO) {
        return add_to_s3fifo(self, entry);
    }
    link_entry(self->first, entry);
    return 0;
}

int
queue_use(Queue *self, PyObject *entry)
{
    Py_ssize_t uses;
    if (!is_entry(entry) || SLOT(entry, at.home) != self->mark || self->kind == FIFO || !is_linked(entry)
        || !is_whole(self)) {
        return 0;
    }
    if (self->kind == LRU) {
        if (SLOT(entry, at.after) != self->first) {
            unlink_entry(entry);
            link_entry(self->first, entry);
        }
        return 0;
    }
    if (whole_number(SLOT(entry, at.uses), &uses) < 0) {
        return -1;
    }
    return uses == MOST_USES || uses == IN_MAIN + MOST_USES ? 0 : set_uses(entry, uses + 1);
}

/* Forget what is known of an entry that is in no ring any more. */
static int
count_out(Queue *self, PyObject *entry)
{
    Py_ssize_t nbytes, uses;
    set_slot(entry, at.home, Py_None);
    if (self->kind != S3FIFO) {
        return 0;
    }
    if (whole_number(SLOT(entry, at.nbytes), &nbytes) < 0 || whole_number(SLOT(entry, at.uses), &uses) < 0) {
        return -1;
    }
    self->bytes -= nbytes;
    self->held--;
    if (uses < IN_MAIN) {
        self->small_bytes -= nbytes;
    }
    return 0;
}

int
queue_remove(Queue *self, PyObject *entry)
{
    if (!is_linked(entry)) {
        PyErr_SetString(PyExc_ValueError, "the entry is in no queue");
        return -1;
    }
    unlink_entry(entry);
    return count_out(self, entry);
}

static int
refuse_broken(PyObject *entry)
{
    if (SLOT(entry, at.key) == NULL || !is_linked(entry)) {
        PyErr_SetString(PyExc_ValueError, "an entry of the queue was changed by others");
        return -1;
    }
    return 0;
}

/* Take the entry that leaves out of the two queues; those on the way that were read enough move on or go round. */
static PyObject *
victim_of_s3fifo(Queue *self)
{
    for (;;) {
        int small_left = SLOT(self->first, at.after) != self->first, main_left = SLOT(self->second, at.after) != self->second;
        int from_small = small_left && (self->small_bytes * SMALL_SHARE >= self->bytes || !main_left);
        PyObject *entry = Py_NewRef(SLOT(from_small ? self->first : self->second, at.after));
        Py_ssize_t uses, nbytes;
        if (refuse_broken(entry) < 0 || whole_number(SLOT(entry, at.uses), &uses) < 0 || whole_number(SLOT(entry, at.nbytes), &nbytes) < 0) {
            Py_DECREF(entry);
            return NULL;
        }
        unlink_entry(entry);
        if (uses == IN_MAIN || uses < ENOUGH) {
            Py_hash_t hash = uses < IN_MAIN ? PyObject_Hash(SLOT(entry, at.key)) : 0;
            if (count_out(self, entry) < 0 || hash == -1 || (uses < IN_MAIN && remember(&self->ghosts, hash, self->held) < 0)) {
                Py_DECREF(entry);
                return NULL;
            }
            return entry;
        }
        if (uses < IN_MAIN) {
            self->small_bytes -= nbytes;
        }
        link_entry(self->second, entry);
        if (set_uses(entry, uses > IN_MAIN ? uses - 1 : IN_MAIN) < 0) {
            Py_DECREF(entry);
            return NULL;
        }
        Py_DECREF(entry);
    }
}

/* Forget and return the entry that leaves first; a new reference. */
PyObject *
queue_victim(Queue *self)
{
    PyObject *entry;
    if (!is_whole(self)
        || (SLOT(self->first, at.after) == self->first && SLOT(self->second, at.after) == self->second)) {
        PyErr_SetString(PyExc_LookupError, "the policy holds nothing");
        return NULL;
    }
    if (self->kind == S3FIFO) {
        return victim_of_s3fifo(self);
    }
    entry = Py_NewRef(SLOT(self->first, at.after));
    if (refuse_broken(entry) < 0) {
        Py_DECREF(entry);
        return NULL;
    }
    unlink_entry(entry);
    set_slot(entry, at.home, Py_None);
    return entry;
}

static int
refuse_others(PyObject *entry)
{
    if (!is_entry(entry)) {
        PyErr_Format(PyExc_TypeError, "a policy takes entries, not %R", entry);
        return -1;
    }
    return 0;
}

static PyObject *
add(Queue *self, PyObject *entry)
{
    if (refuse_others(entry) < 0 || queue_add(self, entry) < 0) {
        return NULL;
    }
    Py_RETURN_NONE;
}

static PyObject *
take_out(Queue *self, PyObject *entry)
{
    if (refuse_others(entry) < 0 || queue_remove(self, entry) < 0) {
        return NULL;
    }
    Py_RETURN_NONE;
}

static PyObject *
victim(Queue *self, PyObject *none)
{
    return queue_victim(self);
}

static PyObject *
use(Queue *self, PyObject *entries)
{
    PyObject *each = PyObject_GetIter(entries), *entry;
    if (each == NULL) {
        return NULL;
    }
    while ((entry = PyIter_Next(each)) != NULL) {
        int failed = queue_use(self, entry) < 0;
        Py_DECREF(entry);
        if (failed) {
            break;
        }
    }
    Py_DECREF(each);
    if (PyErr_Occurred()) {
        return NULL;
    }
    Py_RETURN_NONE;
}

static int
list_ring(PyObject *root, PyObject *found)
{
    PyObject *entry;
    if (root == NULL) {
        return 0;
    }
    for (entry = SLOT(root, at.after); is_entry(entry) && entry != root; entry = SLOT(entry, at.after)) {
        if (PyList_Append(found, entry) < 0) {
            return -1;
        }
    }
    return 0;
}

static PyObject *
queue_iter(Queue *self)
{
    PyObject *found = PyList_New(0), *each = NULL;
    if (found != NULL && list_ring(self->first, found) == 0 && list_ring(self->second, found) == 0) {
        each = PyObject_GetIter(found);
    }
    Py_XDECREF(found);
    return each;
}

static PyObject *
counted(Queue *self, void *none)
{
    return PyLong_FromLong(self->kind == S3FIFO ? MOST_USES : 1);
}

static PyObject *
remembered(Queue *self, void *none)
{
    return PyLong_FromSsize_t(self->ghosts.count);
}

static PyMethodDef queue_methods[] = {
    {"add", (PyCFunction)add, METH_O, PyDoc_STR("add($self, entry, /)\n--\n\nTake in an entry.")},
    {"use", (PyCFunction)use, METH_O, PyDoc_STR("use($self, entries, /)\n--\n\nCount reads of entries.")},
    {"remove", (PyCFunction)take_out, METH_O, PyDoc_STR("remove($self, entry, /)\n--\n\nForget an entry.")},
    {"victim", (PyCFunction)victim, METH_NOARGS,
     PyDoc_STR("victim($self, /)\n--\n\nForget and return the entry that leaves first.")},
    {NULL, NULL, 0, NULL},
};

static PyGetSetDef queue_properties[] = {
    {"counted", (getter)counted, NULL, PyDoc_STR("How many reads of one entry, told at once, count."), NULL},
    {"remembered", (getter)remembered, NULL, PyDoc_STR("How many keys that left are known still."), NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

#define QUEUE_SLOTS(text) { \
    {Py_tp_doc, (void *)PyDoc_STR(text)}, \
    {Py_tp_new, queue_new}, \
    {Py_tp_traverse, queue_traverse}, \
    {Py_tp_clear, queue_clear}, \
    {Py_tp_dealloc, queue_dealloc}, \
    {Py_tp_iter, queue_iter}, \
    {Py_tp_methods, queue_methods}, \
    {Py_tp_getset, queue_properties}, \
    {0, NULL}, \
}

static PyType_Slot fifo_slots[] = QUEUE_SLOTS("First in, first out; see `perflab.cache.policy.queues`.");
static PyType_Slot lru_slots[] = QUEUE_SLOTS("Least recently used; see `perflab.cache.policy.queues`.");
static PyType_Slot s3fifo_slots[] = QUEUE_SLOTS("S3-FIFO; see `perflab.cache.policy.s3fifo`.");

#define QUEUE_SPEC(text, its_slots) { \
    .name = text, \
    .basicsize = sizeof(Queue), \
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_HAVE_GC, \
    .slots = its_slots, \
}

PyType_Spec fifo_spec = QUEUE_SPEC("perflab._writes.FIFO", fifo_slots);
PyType_Spec lru_spec = QUEUE_SPEC("perflab._writes.LRU", lru_slots);
PyType_Spec s3fifo_spec = QUEUE_SPEC("perflab._writes.S3FIFO", s3fifo_slots);
