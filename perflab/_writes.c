/* Where a line of Python an event is too much: noting what happens to a cache, and putting an entry into a memory tier.

   In: tapes, entries and dicts that Python made. Out: the same rows and the same order of eviction as `record/noting.py`
   and `cache/stock.py` give without this module, which is optional. */

#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <structmember.h>
#include <time.h>

#ifndef __linux__
#error "perf_counter is read as Linux has it; elsewhere perflab runs without this module"
#endif

#define SLOT(object, offset) (*(PyObject **)((char *)(object) + (offset)))

static double
seconds_now(void)
{
    /* What time.perf_counter reads on Linux, so that its times and these are of one clock. */
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)(now.tv_sec * 1000000000LL + now.tv_nsec) * 1e-9;
}

/* The offset of a slot in the instances of a class with __slots__; -1 and an error if there is none.
   A class may hold the slot of another class, whose instances are laid out in another way. */
static Py_ssize_t
slot_offset(PyTypeObject *type, const char *name)
{
    PyObject *slot = PyObject_GetAttrString((PyObject *)type, name);
    Py_ssize_t offset = -1;
    if (slot != NULL && Py_IS_TYPE(slot, &PyMemberDescr_Type)) {
        PyMemberDef *member = ((PyMemberDescrObject *)slot)->d_member;
        if (member->type == T_OBJECT_EX && member->flags == 0 && PyType_IsSubtype(type, PyDescr_TYPE(slot))) {
            offset = member->offset;
        }
    }
    Py_XDECREF(slot);
    if (offset < 0) {
        PyErr_Format(PyExc_TypeError, "the class %s has no slot '%s'", type->tp_name, name);
    }
    return offset;
}

static void
set_slot(PyObject *object, Py_ssize_t offset, PyObject *value)
{
    PyObject *old = SLOT(object, offset);
    SLOT(object, offset) = Py_NewRef(value);
    Py_XDECREF(old);
}

/* ---- Events ---- */

typedef struct {
    PyObject_HEAD
    PyObject *current;   /* ContextVar: the tape, or an operation that has none so far */
    PyTypeObject *tape;  /* the class of the tapes */
    Py_ssize_t events_at;
    Py_ssize_t stride;   /* items on a tape a hit */
    Py_ssize_t full;     /* events on a tape that are to be cut off */
} Events;

static PyObject *str_cut, *str_slowly;

static int
events_traverse(Events *self, visitproc visit, void *arg)
{
    Py_VISIT(Py_TYPE(self));
    Py_VISIT(self->current);
    Py_VISIT(self->tape);
    return 0;
}

static int
events_clear(Events *self)
{
    Py_CLEAR(self->current);
    Py_CLEAR(self->tape);
    return 0;
}

static void
events_dealloc(Events *self)
{
    PyTypeObject *type = Py_TYPE(self);
    PyObject_GC_UnTrack(self);
    events_clear(self);
    type->tp_free((PyObject *)self);
    Py_DECREF(type);
}

static PyObject *
events_note_on(Events *self, PyObject *args)
{
    PyObject *current;
    PyTypeObject *tape;
    Py_ssize_t stride, full, events_at;
    if (!PyArg_ParseTuple(args, "O!O!nn", &PyContextVar_Type, &current, &PyType_Type, &tape, &stride, &full)) {
        return NULL;
    }
    if (!PyType_IsSubtype(tape, &PyList_Type) || stride < 1) {
        PyErr_SetString(PyExc_TypeError, "tapes are lists, with one item a hit or more");
        return NULL;
    }
    events_at = slot_offset(tape, "events");
    if (events_at < 0) {
        return NULL;
    }
    Py_XSETREF(self->current, Py_NewRef(current));
    Py_XSETREF(self->tape, (PyTypeObject *)Py_NewRef((PyObject *)tape));
    self->events_at = events_at;
    self->stride = stride;
    self->full = full;
    Py_RETURN_NONE;
}

enum { KEY, EVENT, TIER, NBYTES, DURATION, REASON, FACTS };
static const char *const parameters[FACTS] = {"key", "event", "tier", "nbytes", "duration_s", "reason"};

/* Append a row to the events of the caller's tape; 1 if that is full then, 0 if not, -1 on errors, -2 without a tape. */
static int
append_event(Events *self, PyObject *const *facts)
{
    PyObject *tape = NULL, *events, *row;
    int place, failed, full = 0;
    if (self->current == NULL) {
        return -2;
    }
    /* Before the tape is looked at: this may collect garbage, and a finalizer may do anything. */
    row = PyTuple_New(FACTS + 2);
    if (row == NULL || PyContextVar_Get(self->current, NULL, &tape) < 0) {
        Py_XDECREF(row);
        return -1;
    }
    events = tape != NULL && Py_IS_TYPE(tape, self->tape) ? SLOT(tape, self->events_at) : NULL;
    if (events == NULL || !PyList_CheckExact(events)) {
        Py_DECREF(row);
        Py_XDECREF(tape);
        return -2;
    }
    PyTuple_SET_ITEM(row, 0, PyLong_FromSsize_t(PyList_GET_SIZE(tape) / self->stride));
    PyTuple_SET_ITEM(row, 1, PyFloat_FromDouble(seconds_now()));
    for (place = 0; place < FACTS; place++) {
        PyTuple_SET_ITEM(row, place + 2, Py_NewRef(facts[place]));
    }
    failed = PyTuple_GET_ITEM(row, 0) == NULL || PyTuple_GET_ITEM(row, 1) == NULL || PyList_Append(events, row) < 0;
    if (!failed) {
        full = PyList_GET_SIZE(events) >= self->full;
    }
    Py_DECREF(row);
    Py_DECREF(tape);
    return failed ? -1 : full;
}

static PyObject *
note_event(Events *self, PyObject *const *facts)
{
    PyObject *done;
    int full = append_event(self, facts);
    if (full == 0) {
        Py_RETURN_NONE;
    }
    if (full == -1) {
        return NULL;
    }
    if (full == -2) {
        return PyObject_CallMethodObjArgs((PyObject *)self, str_slowly, facts[KEY], facts[EVENT], facts[TIER],
                                          facts[NBYTES], facts[DURATION], facts[REASON], NULL);
    }
    done = PyObject_CallMethodObjArgs((PyObject *)self, str_cut, NULL);
    if (done == NULL) {
        return NULL;
    }
    Py_DECREF(done);
    Py_RETURN_NONE;
}

static PyObject *
events_access(Events *self, PyObject *const *args, Py_ssize_t count, PyObject *names)
{
    PyObject *facts[FACTS] = {NULL, NULL, Py_None, Py_None, Py_None, Py_None};
    Py_ssize_t named = names == NULL ? 0 : PyTuple_GET_SIZE(names), place, parameter;
    int given[FACTS] = {0};
    if (count > FACTS) {
        PyErr_Format(PyExc_TypeError, "access() takes up to %d arguments, not %zd", FACTS, count);
        return NULL;
    }
    for (place = 0; place < count; place++) {
        facts[place] = args[place];
        given[place] = 1;
    }
    for (place = 0; place < named; place++) {
        PyObject *name = PyTuple_GET_ITEM(names, place);
        for (parameter = 0; parameter < FACTS; parameter++) {
            if (PyUnicode_CompareWithASCIIString(name, parameters[parameter]) == 0) {
                break;
            }
        }
        if (parameter == FACTS || given[parameter]) {
            PyErr_Format(PyExc_TypeError, "access() takes key, event, tier, nbytes, duration_s and reason, not %R", name);
            return NULL;
        }
        facts[parameter] = args[count + place];
        given[parameter] = 1;
    }
    if (facts[KEY] == NULL || facts[EVENT] == NULL) {
        PyErr_SetString(PyExc_TypeError, "access() takes at least a key and an event");
        return NULL;
    }
    return note_event(self, facts);
}

static PyMethodDef events_methods[] = {
    {"access", (PyCFunction)(void (*)(void))events_access, METH_FASTCALL | METH_KEYWORDS,
     PyDoc_STR("access($self, /, key, event, tier=None, nbytes=None, duration_s=None, reason=None)\n--\n\n"
               "Record one cache event; `event` is one of `frames.ACCESS_EVENTS`.")},
    {"_note_on", (PyCFunction)events_note_on, METH_VARARGS,
     PyDoc_STR("_note_on($self, current, tape, stride, full, /)\n--\n\n"
               "Note events on the tape of a class that `current` holds.")},
    {NULL, NULL, 0, NULL},
};

static PyType_Slot events_slots[] = {
    {Py_tp_doc, (void *)PyDoc_STR("Noting events on tapes; see `perflab.record.noting`.")},
    {Py_tp_traverse, events_traverse},
    {Py_tp_clear, events_clear},
    {Py_tp_dealloc, events_dealloc},
    {Py_tp_methods, events_methods},
    {0, NULL},
};

static PyType_Spec events_spec = {
    .name = "perflab._writes.Events",
    .basicsize = sizeof(Events),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_HAVE_GC,
    .slots = events_slots,
};

/* ---- module ---- */

static int
fill(PyObject *module)
{
    PyObject *type;
    str_cut = PyUnicode_InternFromString("cut");
    str_slowly = PyUnicode_InternFromString("_access_slowly");
    if (str_cut == NULL || str_slowly == NULL) {
        return -1;
    }
    type = PyType_FromSpec(&events_spec);
    if (type == NULL || PyModule_AddObjectRef(module, "Events", type) < 0) {
        Py_XDECREF(type);
        return -1;
    }
    Py_DECREF(type);
    return 0;
}

static PyModuleDef_Slot module_slots[] = {{Py_mod_exec, fill}, {0, NULL}};

static PyModuleDef definition = {
    PyModuleDef_HEAD_INIT,
    .m_name = "perflab._writes",
    .m_doc = PyDoc_STR("What is done for each event of a cache and each value that is stored; optional."),
    .m_size = 0,
    .m_slots = module_slots,
};

PyMODINIT_FUNC
PyInit__writes(void)
{
    return PyModuleDef_Init(&definition);
}
