/* Noting what happens to a cache, besides hits.

   In: what happened. Out: a row on the caller's tape, as `record/noting.py` gives it without this module. */

#include "_writes.h"

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
    events_at = needed_slot(tape, "events");
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

static const char *const parameters[FACTS] = {"key", "event", "tier", "nbytes", "duration_s", "reason"};

/* The events of what `current` holds, NULL if that is no tape. */
static EventRows *
tape_events(Events *self, PyObject *tape)
{
    PyObject *events = tape != NULL && Py_IS_TYPE(tape, self->tape) ? SLOT(tape, self->events_at) : NULL;
    return events != NULL && Py_IS_TYPE(events, rows_type) ? (EventRows *)events : NULL;
}

/* Append a row to the events of the caller's tape; 1 if that is full then, 0 if not, -1 on errors, -2 without a tape. */
int
append_event(Events *self, PyObject *const *facts)
{
    PyObject *tape = NULL;
    EventRows *events;
    int full;
    if (self->current == NULL) {
        return -2;
    }
    if (PyContextVar_Get(self->current, NULL, &tape) < 0) {
        return -1;
    }
    events = tape_events(self, tape);
    if (events == NULL) {
        Py_XDECREF(tape);
        return -2;
    }
    full = rows_append(events, PyList_GET_SIZE(tape) / self->stride, seconds_now(), facts) < 0
               ? -1 : events->count >= self->full;
    Py_DECREF(tape);
    return full;
}

/* Take the rows off the caller's tape. */
int
cut_off(Events *self)
{
    PyObject *done = PyObject_CallMethodObjArgs((PyObject *)self, str_cut, NULL);
    Py_XDECREF(done);
    return done == NULL ? -1 : 0;
}

static PyObject *
note_event(Events *self, PyObject *const *facts)
{
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
    if (cut_off(self) < 0) {
        return NULL;
    }
    Py_RETURN_NONE;
}

static PyObject *
events_access(Events *self, PyObject *const *args, Py_ssize_t count, PyObject *names)
{
    PyObject *facts[FACTS] = {NULL};
    if (given_once("access", parameters, FACTS, facts, args, count, names) < 0) {
        return NULL;
    }
    if (facts[KEY] == NULL || facts[EVENT] == NULL) {
        PyErr_SetString(PyExc_TypeError, "access() takes at least a key and an event");
        return NULL;
    }
    for (int fact = TIER; fact < FACTS; fact++) {
        facts[fact] = facts[fact] == NULL ? Py_None : facts[fact];
    }
    return note_event(self, facts);
}

/* The events that a bound method `access` notes, NULL if it is another one. */
Events *
native_events(PyObject *access)
{
    if (access == NULL || !PyCFunction_CheckExact(access)
        || PyCFunction_GET_FUNCTION(access) != (PyCFunction)(void (*)(void))events_access) {
        return NULL;
    }
    return (Events *)PyCFunction_GET_SELF(access);
}

/* Whether the caller has a tape. */
int
has_tape(Events *self)
{
    PyObject *tape = NULL;
    int found;
    if (self->current == NULL) {
        return 0;
    }
    if (PyContextVar_Get(self->current, NULL, &tape) < 0) {
        PyErr_Clear();
        return 0;
    }
    found = tape_events(self, tape) != NULL;
    Py_XDECREF(tape);
    return found;
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

PyType_Spec events_spec = {
    .name = "perflab._writes.Events",
    .basicsize = sizeof(Events),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_HAVE_GC,
    .slots = events_slots,
};

int
fill_events(void)
{
    return intern(&str_cut, "cut") < 0 || intern(&str_slowly, "_access_slowly") < 0 ? -1 : 0;
}
