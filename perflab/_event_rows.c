/* The events of a tape as records in one piece of memory, where a tuple each would take three times as much and its time.

   In: events as they happen. Out: the same again, as a sequence of tuples, or as columns. `record/happened.py`
   has a list of tuples where this was not built. */

#include "_writes.h"

#include <math.h>
#include <stdint.h>

PyTypeObject *rows_type;

static PyObject *
rows_new(PyTypeObject *type, PyObject *args, PyObject *named)
{
    if (PyTuple_GET_SIZE(args) != 0 || (named != NULL && PyDict_GET_SIZE(named) != 0)) {
        PyErr_SetString(PyExc_TypeError, "events begin with none");
        return NULL;
    }
    return type->tp_alloc(type, 0);
}

static int
rows_traverse(EventRows *self, visitproc visit, void *arg)
{
    Py_VISIT(Py_TYPE(self));
    for (Py_ssize_t place = 0; place < self->count; place++) {
        for (int fact = 0; fact < FACTS; fact++) {
            Py_VISIT(self->rows[place].facts[fact]);
        }
    }
    return 0;
}

/* Let go of rows that are nobody's any more: what becomes of their keys may run any code. */
static void
release_rows(Row *rows, Py_ssize_t count)
{
    for (Py_ssize_t place = 0; place < count; place++) {
        for (int fact = 0; fact < FACTS; fact++) {
            Py_DECREF(rows[place].facts[fact]);
        }
    }
    PyMem_Free(rows);
}

static int
rows_drop_all(EventRows *self)
{
    Row *rows = self->rows;
    Py_ssize_t count = self->count;
    self->rows = NULL;
    self->count = self->room = 0;
    release_rows(rows, count);
    return 0;
}

static void
rows_dealloc(EventRows *self)
{
    PyTypeObject *type = Py_TYPE(self);
    PyObject_GC_UnTrack(self);
    rows_drop_all(self);
    type->tp_free((PyObject *)self);
    Py_DECREF(type);
}

static int
rows_reserve(EventRows *self, Py_ssize_t count)
{
    Py_ssize_t room = Py_MAX(count, self->room + self->room / 4 + 8);
    Row *rows;
    if (count <= self->room) {
        return 0;
    }
    rows = room > PY_SSIZE_T_MAX / (Py_ssize_t)sizeof(Row) ? NULL : PyMem_Realloc(self->rows, room * sizeof(Row));
    if (rows == NULL) {
        PyErr_NoMemory();
        return -1;
    }
    self->rows = rows;
    self->room = room;
    return 0;
}

/* Append a row; no Python code runs meanwhile. */
int
rows_append(EventRows *self, Py_ssize_t at, double now, PyObject *const *facts)
{
    Row *row;
    if (rows_reserve(self, self->count + 1) < 0) {
        return -1;
    }
    row = &self->rows[self->count];
    row->at = at;
    row->now = now;
    for (int fact = 0; fact < FACTS; fact++) {
        row->facts[fact] = Py_NewRef(facts[fact]);
    }
    self->count++;
    return 0;
}

static PyObject *
rows_append_tuple(EventRows *self, PyObject *row)
{
    Py_ssize_t at;
    double now;
    if (!PyTuple_CheckExact(row) || PyTuple_GET_SIZE(row) != FACTS + 2) {
        PyErr_Format(PyExc_TypeError, "an event is a tuple of %d items", FACTS + 2);
        return NULL;
    }
    at = PyLong_AsSsize_t(PyTuple_GET_ITEM(row, 0));
    now = PyErr_Occurred() ? -1.0 : PyFloat_AsDouble(PyTuple_GET_ITEM(row, 1));
    if (PyErr_Occurred() || rows_append(self, at, now, &PyTuple_GET_ITEM(row, 2)) < 0) {
        return NULL;
    }
    Py_RETURN_NONE;
}

static PyObject *
rows_drop(EventRows *self, PyObject *none)
{
    rows_drop_all(self);
    Py_RETURN_NONE;
}

static Py_ssize_t
rows_length(EventRows *self)
{
    return self->count;
}

static PyObject *
rows_item(EventRows *self, Py_ssize_t place)
{
    PyObject *facts[FACTS], *row;
    Py_ssize_t at;
    double now;
    if (place < 0 || place >= self->count) {
        PyErr_SetString(PyExc_IndexError, "there is no such event");
        return NULL;
    }
    at = self->rows[place].at, now = self->rows[place].now;
    for (int fact = 0; fact < FACTS; fact++) {
        facts[fact] = Py_NewRef(self->rows[place].facts[fact]);  /* a new tuple may collect garbage */
    }
    row = Py_BuildValue("ndNNNNNN", at, now, facts[0], facts[1], facts[2], facts[3], facts[4], facts[5]);
    return row;
}

/* Return the first `count` rows. */
static PyObject *
rows_first(EventRows *self, Py_ssize_t count)
{
    EventRows *copy = (EventRows *)rows_type->tp_alloc(rows_type, 0);
    if (copy == NULL) {
        return NULL;
    }
    count = Py_MIN(count, self->count);  /* after what may have collected garbage */
    if (rows_reserve(copy, count) < 0) {
        Py_DECREF(copy);
        return NULL;
    }
    for (Py_ssize_t place = 0; place < count; place++) {
        copy->rows[place] = self->rows[place];
        for (int fact = 0; fact < FACTS; fact++) {
            Py_INCREF(copy->rows[place].facts[fact]);
        }
    }
    copy->count = count;
    return (PyObject *)copy;
}

/* How many rows a slice from the first on has; -1, with an error, of another one. */
static Py_ssize_t
first_of(EventRows *self, PyObject *slice)
{
    Py_ssize_t start, stop, step;
    if (!PySlice_Check(slice)) {
        PyErr_SetString(PyExc_TypeError, "events are taken from the first on");
        return -1;
    }
    if (PySlice_Unpack(slice, &start, &stop, &step) < 0) {
        return -1;
    }
    PySlice_AdjustIndices(self->count, &start, &stop, step);
    if (start != 0 || step != 1) {
        PyErr_SetString(PyExc_ValueError, "events are taken from the first on");
        return -1;
    }
    return Py_MAX(stop, 0);
}

static PyObject *
rows_subscript(EventRows *self, PyObject *which)
{
    Py_ssize_t count;
    if (PyIndex_Check(which)) {
        Py_ssize_t place = PyNumber_AsSsize_t(which, PyExc_IndexError);
        return place == -1 && PyErr_Occurred() ? NULL : rows_item(self, place < 0 ? place + self->count : place);
    }
    count = first_of(self, which);
    return count < 0 ? NULL : rows_first(self, count);
}

/* Remove the first rows. */
static int
rows_remove(EventRows *self, PyObject *which, PyObject *value)
{
    Py_ssize_t count;
    Row *gone, *left = NULL;
    if (value != NULL) {
        PyErr_SetString(PyExc_TypeError, "events stay as they happened");
        return -1;
    }
    count = first_of(self, which);
    if (count <= 0) {
        return (int)count;
    }
    if (count < self->count) {
        Py_ssize_t more = self->count - count;
        left = PyMem_Malloc(more * sizeof(Row));
        if (left == NULL) {
            PyErr_NoMemory();
            return -1;
        }
        memcpy(left, self->rows + count, more * sizeof(Row));
    }
    gone = self->rows;
    self->rows = left;
    self->count = self->room = self->count - count;
    release_rows(gone, count);
    return 0;
}

/* Add to what was counted of an event. */
static int
add_count(PyObject *counts, PyObject *event, Py_ssize_t more)
{
    PyObject *before = PyDict_GetItemWithError(counts, event), *sum;
    int failed;
    if (before == NULL && PyErr_Occurred()) {
        return -1;
    }
    sum = PyLong_FromSsize_t((before == NULL ? 0 : PyLong_AsSsize_t(before)) + more);
    failed = sum == NULL || PyDict_SetItem(counts, event, sum) < 0;
    Py_XDECREF(sum);
    return failed ? -1 : 0;
}

static PyObject *
rows_counted(EventRows *self, PyObject *none)
{
    /* Most events are one of few objects: those are counted apart. */
    struct { PyObject *event; Py_ssize_t count; } common[8] = {{NULL, 0}};
    PyObject *counts = PyDict_New();
    int known = 0, failed = counts == NULL;
    for (Py_ssize_t place = 0; !failed && place < self->count; place++) {
        PyObject *event = self->rows[place].facts[EVENT];
        int found = 0;
        while (found < known && common[found].event != event) {
            found++;
        }
        if (found == known && known < (int)Py_ARRAY_LENGTH(common)) {
            common[known++].event = Py_NewRef(event);
        }
        if (found < known) {
            common[found].count++;
            continue;
        }
        Py_INCREF(event);
        failed = add_count(counts, event, 1) < 0;
        Py_DECREF(event);
    }
    for (int place = 0; place < known; place++) {
        failed = failed || add_count(counts, common[place].event, common[place].count) < 0;
        Py_DECREF(common[place].event);
    }
    if (failed) {
        Py_CLEAR(counts);
    }
    return counts;
}

static PyMethodDef rows_methods[] = {
    {"append", (PyCFunction)rows_append_tuple, METH_O, PyDoc_STR("append($self, event, /)\n--\n\nAdd an event.")},
    {"clear", (PyCFunction)rows_drop, METH_NOARGS, PyDoc_STR("clear($self, /)\n--\n\nRemove all.")},
    {"counted", (PyCFunction)rows_counted, METH_NOARGS,
     PyDoc_STR("counted($self, /)\n--\n\nReturn how many there are of each kind of event.")},
    {NULL, NULL, 0, NULL},
};

static PyType_Slot rows_slots[] = {
    {Py_tp_doc, (void *)PyDoc_STR("The events of a tape; see `perflab.record.happened`.")},
    {Py_tp_new, rows_new},
    {Py_tp_traverse, rows_traverse},
    {Py_tp_clear, rows_drop_all},
    {Py_tp_dealloc, rows_dealloc},
    {Py_tp_methods, rows_methods},
    {Py_sq_length, rows_length},
    {Py_sq_item, rows_item},
    {Py_mp_length, rows_length},
    {Py_mp_subscript, rows_subscript},
    {Py_mp_ass_subscript, rows_remove},
    {0, NULL},
};

PyType_Spec rows_spec = {
    .name = "perflab._writes.EventRows",
    .basicsize = sizeof(EventRows),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC,
    .slots = rows_slots,
};
