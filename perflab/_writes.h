/* What the parts of `perflab._writes` have of each other. */

#ifndef PERFLAB_WRITES_H
#define PERFLAB_WRITES_H

#include "_shared.h"

enum { KEY, EVENT, TIER, NBYTES, DURATION, REASON, FACTS };

/* One event of a cache: how many hits stood on the tape before it, its time in seconds, and what it is told as. */
typedef struct {
    Py_ssize_t at;
    double now;
    PyObject *facts[FACTS];
} Row;

/* The events of a tape, or of a part that was cut off. */
typedef struct {
    PyObject_HEAD
    Row *rows;
    Py_ssize_t count, room;
} EventRows;

typedef struct {
    PyObject_HEAD
    PyObject *current;   /* ContextVar: the tape, or an operation that has none so far */
    PyTypeObject *tape;  /* the class of the tapes */
    Py_ssize_t events_at;
    Py_ssize_t stride;   /* items on a tape a hit */
    Py_ssize_t full;     /* events on a tape that are to be cut off */
} Events;

/* The offset of a slot that the class must have. */
static inline Py_ssize_t
needed_slot(PyTypeObject *type, const char *name)
{
    Py_ssize_t offset = slot_offset(type, name);
    if (offset < 0) {
        PyErr_Format(PyExc_TypeError, "the class %s has no slot '%s'", type->tp_name, name);
    }
    return offset;
}

extern PyTypeObject *rows_type;
extern PyType_Spec rows_spec, events_spec, store_spec, stocked_spec;

int append_event(Events *self, PyObject *const *facts);
int cut_off(Events *self);
int has_tape(Events *self);
Events *native_events(PyObject *access);
int rows_append(EventRows *self, Py_ssize_t at, double now, PyObject *const *facts);
PyObject *event_columns(PyObject *module, PyObject *args);

int fill_events(void);
int fill_store(void);
int fill_stocked(void);

int given_once(const char *function, const char *const *parameters, Py_ssize_t most, PyObject **given,
               PyObject *const *args, Py_ssize_t count, PyObject *names);

static inline int
intern(PyObject **place, const char *text)
{
    if (*place == NULL) {
        *place = PyUnicode_InternFromString(text);
    }
    return *place == NULL ? -1 : 0;
}

#endif
