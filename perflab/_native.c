/* Where a line of Python a row is too much: noting a hit, taking hits off a tape, numbering their entries.

   In: dicts, tapes and entries that Python made. Out: the same objects and results as `cache/tiers/reads.py`,
   `record/tape.py` and `record/assemble.py` give without this module, which is optional. */

#include "_shared.h"

#include <stdint.h>

typedef struct {
    PyObject_HEAD
    PyObject *hot;         /* dict: key -> entry, of entries that never expire */
    PyObject *dated;       /* dict: key -> entry, of those that do; what its other keys are is not for here */
    PyObject *current;     /* ContextVar: the tape, or an operation that has none so far */
    PyTypeObject *entry;   /* the class of the entries */
    Py_ssize_t key_at;
    Py_ssize_t value_at;
    Py_ssize_t expires_at;
    Py_ssize_t full;       /* items on a tape that are to be cut off */
    int exact;             /* a time goes before each entry */
    double due;            /* a hit at or after this time is timed */
} Reads;

static PyObject *str_look, *str_noted, *refused;

static int
reads_traverse(Reads *self, visitproc visit, void *arg)
{
    Py_VISIT(Py_TYPE(self));
    Py_VISIT(self->hot);
    Py_VISIT(self->dated);
    Py_VISIT(self->current);
    Py_VISIT(self->entry);
    return 0;
}

static int
reads_clear(Reads *self)
{
    Py_CLEAR(self->hot);
    Py_CLEAR(self->dated);
    Py_CLEAR(self->current);
    Py_CLEAR(self->entry);
    return 0;
}

static void
reads_dealloc(Reads *self)
{
    PyTypeObject *type = Py_TYPE(self);
    PyObject_GC_UnTrack(self);
    reads_clear(self);
    type->tp_free((PyObject *)self);
    Py_DECREF(type);
}

static PyObject *
reads_watch(Reads *self, PyObject *args)
{
    PyObject *hot, *dated, *current;
    PyTypeObject *entry;
    Py_ssize_t full, key_at, value_at, expires_at;
    int exact;
    if (!PyArg_ParseTuple(args, "O!O!O!O!np", &PyDict_Type, &hot, &PyDict_Type, &dated, &PyContextVar_Type, &current,
                          &PyType_Type, &entry, &full, &exact)) {
        return NULL;
    }
    if (self->hot != NULL) {
        PyErr_SetString(PyExc_RuntimeError, "reads watch one dict for good: another thread may be looking into it");
        return NULL;
    }
    key_at = slot_offset(entry, "key");
    value_at = slot_offset(entry, "value");
    expires_at = slot_offset(entry, "expires");
    if (key_at < 0 || value_at < 0 || expires_at < 0) {
        PyErr_Format(PyExc_TypeError, "the class %s has no slots 'key', 'value' and 'expires'", entry->tp_name);
        return NULL;
    }
    Py_XSETREF(self->hot, Py_NewRef(hot));
    Py_XSETREF(self->dated, Py_NewRef(dated));
    Py_XSETREF(self->current, Py_NewRef(current));
    Py_XSETREF(self->entry, (PyTypeObject *)Py_NewRef((PyObject *)entry));
    self->key_at = key_at;
    self->value_at = value_at;
    self->expires_at = expires_at;
    self->full = full;
    self->exact = exact;
    self->due = 0.0;
    Py_RETURN_NONE;
}

/* Return the entry of a key, borrowed, that never expires or is not due, and in `now` the time if it was asked for;
   NULL without an error if there is none. */
static PyObject *
live(Reads *self, PyObject *key, double *now)
{
    PyObject *found = PyDict_GetItemWithError(self->hot, key), *expires;
    /* Other keys are filed under something else in `dated`. */
    if (found != NULL || PyErr_Occurred() || PyDict_GET_SIZE(self->dated) == 0
        || !(PyUnicode_CheckExact(key) || PyLong_CheckExact(key))) {
        return found;
    }
    found = PyDict_GetItemWithError(self->dated, key);
    if (found == NULL || !Py_IS_TYPE(found, self->entry)) {
        return NULL;
    }
    expires = SLOT(found, self->expires_at);
    *now = seconds_now();
    return expires != NULL && PyFloat_CheckExact(expires) && PyFloat_AS_DOUBLE(expires) > *now ? found : NULL;
}

/* Return a new reference to the entry of a key and its tape if this hit can be noted here; 0 if not, -1 on errors. */
static int
find(Reads *self, PyObject *key, PyObject **entry, PyObject **tape, double *now)
{
    PyObject *found, *its_key;
    if (self->hot == NULL) {
        return 0;
    }
    found = live(self, key, now);
    if (found == NULL) {
        return PyErr_Occurred() ? -1 : 0;
    }
    if (!Py_IS_TYPE(found, self->entry)) {
        return 0;
    }
    its_key = SLOT(found, self->key_at);
    /* True finds 1. */
    if (its_key != key && (its_key == NULL || !Py_IS_TYPE(its_key, Py_TYPE(key)))) {
        return 0;
    }
    Py_INCREF(found);
    if (PyContextVar_Get(self->current, NULL, tape) < 0) {
        Py_DECREF(found);
        return -1;
    }
    if (*tape == NULL || !PyList_Check(*tape) || SLOT(found, self->value_at) == NULL) {
        Py_XDECREF(*tape);
        Py_DECREF(found);
        return 0;
    }
    *entry = found;
    return 1;
}

/* Append the hit; no Python code runs meanwhile, so no signal, and no other thread, comes between time and entry. */
static int
note(Reads *self, PyObject *tape, PyObject *entry, double now)
{
    if (self->exact) {
        PyObject *when = PyFloat_FromDouble(now);
        int failed = when == NULL || PyList_Append(tape, when) < 0;
        Py_XDECREF(when);
        if (failed) {
            return -1;
        }
        if (PyList_Append(tape, entry) < 0) {
            Py_ssize_t size = PyList_GET_SIZE(tape);
            PyList_SetSlice(tape, size - 1, size, NULL);
            return -1;
        }
        return 0;
    }
    return PyList_Append(tape, entry);
}

/* Time a repetition of the hit that was noted last, and let Python take the rows off a full tape. */
static int
after_hit(Reads *self, PyObject *tape, PyObject *key)
{
    PyObject *again = NULL, *done, *took;
    double start = seconds_now(), now, end;
    if (live(self, key, &now) == NULL && PyErr_Occurred()) {
        return -1;
    }
    if (PyContextVar_Get(self->current, NULL, &again) < 0) {
        return -1;
    }
    end = seconds_now();
    Py_XDECREF(again);
    took = PyFloat_FromDouble(end - start);
    if (took == NULL) {
        return -1;
    }
    done = PyObject_CallMethodObjArgs((PyObject *)self, str_noted, tape, took, NULL);
    Py_DECREF(took);
    Py_XDECREF(done);
    return done == NULL ? -1 : 0;
}

/* Return the value of a key whose hit was noted here; NULL without an error if it cannot be. */
static PyObject *
hit(Reads *self, PyObject *key)
{
    PyObject *entry, *tape, *value;
    double now = 0.0;
    if (find(self, key, &entry, &tape, &now) <= 0) {
        return NULL;
    }
    if (self->exact && now == 0.0) {
        now = seconds_now();
    }
    value = NULL;
    if (note(self, tape, entry, now) == 0) {
        value = Py_NewRef(SLOT(entry, self->value_at));
        if ((self->exact && now >= self->due) || PyList_GET_SIZE(tape) >= self->full) {
            if (after_hit(self, tape, key) < 0) {
                Py_CLEAR(value);
            }
        }
    }
    Py_DECREF(entry);
    Py_DECREF(tape);
    return value;
}

static PyObject *
read_key(Reads *self, PyObject *key, PyObject *otherwise)
{
    PyObject *value = hit(self, key);
    if (value == NULL && !PyErr_Occurred()) {
        return PyObject_CallMethodObjArgs((PyObject *)self, str_look, key, otherwise, NULL);
    }
    return value;
}

static PyObject *
reads_held(Reads *self, PyObject *const *args, Py_ssize_t count)
{
    PyObject *value;
    if (count != 2) {
        PyErr_Format(PyExc_TypeError, "held() takes a key and a default, not %zd arguments", count);
        return NULL;
    }
    value = hit(self, args[0]);
    return value == NULL && !PyErr_Occurred() ? Py_NewRef(args[1]) : value;
}

static PyObject *
reads_get(Reads *self, PyObject *const *args, Py_ssize_t count, PyObject *names)
{
    static const char *const parameters[] = {"key", "default"};
    PyObject *given[2] = {NULL, NULL};
    Py_ssize_t named = names == NULL ? 0 : PyTuple_GET_SIZE(names), place, parameter;
    if (count == 1 && named == 0) {
        return read_key(self, args[0], Py_None);
    }
    if (count > 2) {
        PyErr_Format(PyExc_TypeError, "get() takes a key and a default, not %zd arguments", count);
        return NULL;
    }
    for (place = 0; place < count; place++) {
        given[place] = args[place];
    }
    for (place = 0; place < named; place++) {
        PyObject *name = PyTuple_GET_ITEM(names, place);
        for (parameter = 0; parameter < 2; parameter++) {
            if (PyUnicode_CompareWithASCIIString(name, parameters[parameter]) == 0) {
                break;
            }
        }
        if (parameter == 2 || given[parameter] != NULL) {
            PyErr_Format(PyExc_TypeError, "get() takes a key and a default once each, not %R", name);
            return NULL;
        }
        given[parameter] = args[count + place];
    }
    if (given[0] == NULL) {
        PyErr_SetString(PyExc_TypeError, "get() takes a key and a default; the key is missing");
        return NULL;
    }
    return read_key(self, given[0], given[1] == NULL ? Py_None : given[1]);
}

static PyObject *
reads_subscript(Reads *self, PyObject *key)
{
    return read_key(self, key, refused);
}

static PyMethodDef reads_methods[] = {
    {"get", (PyCFunction)(void (*)(void))reads_get, METH_FASTCALL | METH_KEYWORDS,
     PyDoc_STR("get($self, /, key, default=None)\n--\n\nReturn the value of a key, or the default; one access.")},
    {"held", (PyCFunction)(void (*)(void))reads_held, METH_FASTCALL,
     PyDoc_STR("held($self, key, default, /)\n--\n\n"
               "Return the value of a key that is found the quick way, one access; else the default, and none.")},
    {"_watch", (PyCFunction)reads_watch, METH_VARARGS,
     PyDoc_STR("_watch($self, hot, dated, current, entry, full, exact, /)\n--\n\n"
               "Find entries of a class in two dicts, and note the hits on the tape that `current` holds.")},
    {NULL, NULL, 0, NULL},
};

static PyMemberDef reads_members[] = {
    {"_due_s", T_DOUBLE, offsetof(Reads, due), 0, PyDoc_STR("A hit at or after this time, in seconds, is timed.")},
    {NULL, 0, 0, 0, NULL},
};

static PyType_Slot reads_slots[] = {
    {Py_tp_doc, (void *)PyDoc_STR("Reads of a first tier that notes its hits; see `perflab.cache.tiers.reads`.")},
    {Py_tp_traverse, reads_traverse},
    {Py_tp_clear, reads_clear},
    {Py_tp_dealloc, reads_dealloc},
    {Py_tp_methods, reads_methods},
    {Py_tp_members, reads_members},
    {Py_mp_subscript, reads_subscript},
    {0, NULL},
};

static PyType_Spec reads_spec = {
    .name = "perflab._native.Reads",
    .basicsize = sizeof(Reads),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_HAVE_GC,
    .slots = reads_slots,
};

/* The number of an entry: its code, if the distinct entries have it at that place; else the next one, which it gets.
   So codes need no reset before the next call. */
static Py_ssize_t
number_of(PyObject *entry, Py_ssize_t code_at, PyObject *name, PyObject *distinct)
{
    Py_ssize_t count = PyList_GET_SIZE(distinct), code = -1;
    PyObject *held = code_at < 0 ? PyObject_GetAttr(entry, name) : Py_XNewRef(SLOT(entry, code_at)), *fresh;
    if (held != NULL) {
        code = PyLong_AsSsize_t(held);
        Py_DECREF(held);
    }
    if (PyErr_Occurred()) {
        return -1;
    }
    if (code >= 0 && code < count && PyList_GET_ITEM(distinct, code) == entry) {
        return code;
    }
    fresh = PyLong_FromSsize_t(count);
    if (fresh == NULL) {
        return -1;
    }
    if (code_at >= 0) {
        Py_XSETREF(SLOT(entry, code_at), fresh);
    }
    else {
        int failed = PyObject_SetAttr(entry, name, fresh);
        Py_DECREF(fresh);
        if (failed < 0) {
            return -1;
        }
    }
    return PyList_Append(distinct, entry) < 0 ? -1 : count;
}

/* Return how many hits there are, or -1 with an error: no lists, or more than are numbered at once. */
static Py_ssize_t
hits_in(PyObject *batches)
{
    Py_ssize_t total = 0, place;
    int lists = PyList_Check(batches);
    for (place = 0; lists && place < PyList_GET_SIZE(batches); place++) {
        PyObject *counted = PyList_GET_ITEM(batches, place);
        lists = PyList_Check(counted);
        total += lists ? PyList_GET_SIZE(counted) : 0;
    }
    if (!lists) {
        PyErr_SetString(PyExc_TypeError, "hits come as a list of lists of entries");
        return -1;
    }
    if (total > INT32_MAX) {
        PyErr_SetString(PyExc_OverflowError, "more hits at once than a number of 32 bits counts");
        return -1;
    }
    return total;
}

static PyObject *
numbered(PyObject *module, PyObject *batches)
{
    /* An attribute that is a property may drop the batches and what is in them: each is held while it is read. */
    PyObject *distinct = NULL, *name = NULL, *codes = NULL, *result = NULL, *batch = NULL;
    PyTypeObject *type = NULL;
    Py_ssize_t total = hits_in(batches), place, row, code_at = -1;
    int32_t *next;
    if (total < 0) {
        return NULL;
    }
    distinct = PyList_New(0);
    name = PyUnicode_InternFromString("code");
    codes = PyByteArray_FromStringAndSize(NULL, total * (Py_ssize_t)sizeof(int32_t));
    if (distinct == NULL || name == NULL || codes == NULL) {
        goto done;
    }
    next = (int32_t *)PyByteArray_AS_STRING(codes);
    for (place = 0; place < PyList_GET_SIZE(batches); place++) {
        Py_XSETREF(batch, Py_NewRef(PyList_GET_ITEM(batches, place)));
        for (row = 0; PyList_Check(batch) && row < PyList_GET_SIZE(batch); row++) {
            PyObject *entry = Py_NewRef(PyList_GET_ITEM(batch, row));
            Py_ssize_t code;
            if (!Py_IS_TYPE(entry, type)) {
                type = Py_TYPE(entry);
                code_at = slot_offset(type, "code");
            }
            code = number_of(entry, code_at, name, distinct);
            Py_DECREF(entry);
            if (code < 0) {
                goto done;
            }
            if (total-- == 0) {
                PyErr_SetString(PyExc_RuntimeError, "hits were added while they were numbered");
                goto done;
            }
            *next++ = (int32_t)code;
        }
    }
    if (total != 0) {
        PyErr_SetString(PyExc_RuntimeError, "hits were removed while they were numbered");
        goto done;
    }
    result = PyTuple_Pack(2, distinct, codes);
done:
    Py_XDECREF(batch);
    Py_XDECREF(distinct);
    Py_XDECREF(name);
    Py_XDECREF(codes);
    return result;
}

static PyObject *
unzipped(PyObject *module, PyObject *args)
{
    PyObject *items, *entries = NULL, *times, *result;
    Py_ssize_t rows, row;
    double *next;
    if (!PyArg_ParseTuple(args, "O!n", &PyList_Type, &items, &rows)) {
        return NULL;
    }
    if (rows < 0 || rows > PyList_GET_SIZE(items) / 2) {
        PyErr_Format(PyExc_ValueError, "there are no %zd pairs in %zd items", rows, PyList_GET_SIZE(items));
        return NULL;
    }
    /* Up to CPython 3.11 a new list may collect garbage, whose finalizers may use the cache and cut these items off. */
    do {
        rows = Py_MIN(rows, PyList_GET_SIZE(items) / 2);
        Py_XSETREF(entries, PyList_New(rows));
    } while (entries != NULL && rows > PyList_GET_SIZE(items) / 2);
    times = PyByteArray_FromStringAndSize(NULL, rows * (Py_ssize_t)sizeof(double));
    if (entries == NULL || times == NULL) {
        goto failed;
    }
    next = (double *)PyByteArray_AS_STRING(times);
    for (row = 0; row < rows; row++) {
        PyObject *when = PyList_GET_ITEM(items, 2 * row);
        if (!PyFloat_CheckExact(when)) {
            PyErr_SetString(PyExc_TypeError, "a time goes before each entry, as a float");
            goto failed;
        }
        next[row] = PyFloat_AS_DOUBLE(when);
        PyList_SET_ITEM(entries, row, Py_NewRef(PyList_GET_ITEM(items, 2 * row + 1)));
    }
    result = PyTuple_Pack(2, entries, times);
    Py_DECREF(entries);
    Py_DECREF(times);
    return result;
failed:
    Py_XDECREF(entries);
    Py_XDECREF(times);
    return NULL;
}

/* What `numpy.interp` gives of the numbers of rows, without an array of these: fresh memory costs more than the sums. */
static void
interpolate(const double *where, const double *reads, Py_ssize_t known, double *next, Py_ssize_t rows)
{
    Py_ssize_t row, at;
    for (row = 0; row < rows && (double)row < where[0]; row++) {
        next[row] = reads[0];
    }
    for (at = 0; at + 1 < known; at++) {
        double slope = (reads[at + 1] - reads[at]) / (where[at + 1] - where[at]);
        for (; row < rows && (double)row < where[at + 1]; row++) {
            next[row] = slope * ((double)row - where[at]) + reads[at];
        }
    }
    for (; row < rows; row++) {
        next[row] = reads[known - 1];
    }
}

static PyObject *
between(PyObject *module, PyObject *args)
{
    Py_buffer where, reads;
    Py_ssize_t rows;
    PyObject *found = NULL;
    if (!PyArg_ParseTuple(args, "y*y*n", &where, &reads, &rows)) {
        return NULL;
    }
    if (rows < 0 || where.len != reads.len || where.len < (Py_ssize_t)sizeof(double) || where.len % sizeof(double)) {
        PyErr_SetString(PyExc_ValueError, "as many places as times are wanted, float64 each, and one of them at least");
    }
    else {
        found = PyByteArray_FromStringAndSize(NULL, rows * (Py_ssize_t)sizeof(double));
    }
    if (found != NULL) {
        interpolate(where.buf, reads.buf, where.len / (Py_ssize_t)sizeof(double),
                    (double *)PyByteArray_AS_STRING(found), rows);
    }
    PyBuffer_Release(&where);
    PyBuffer_Release(&reads);
    return found;
}

static PyMethodDef functions[] = {
    {"between", between, METH_VARARGS,
     PyDoc_STR("between($module, where, reads, rows, /)\n--\n\n"
               "Return the times of rows 0 and up, as float64 bytes, from those that were read at rising places.")},
    {"numbered", numbered, METH_O,
     PyDoc_STR("numbered($module, batches, /)\n--\n\n"
               "Return the distinct entries of lists of hits, and of each hit the place of its entry, as int32 bytes.")},
    {"unzipped", unzipped, METH_VARARGS,
     PyDoc_STR("unzipped($module, items, rows, /)\n--\n\n"
               "Return the entries of so many pairs of a time and an entry, and the times as bytes of float64.")},
    {NULL, NULL, 0, NULL},
};

static int
fill(PyObject *module)
{
    PyObject *type;
    if (PyInterpreterState_Get() != PyInterpreterState_Main()) {
        PyErr_SetString(PyExc_ImportError, "perflab._native is for the main interpreter; others do the same in Python");
        return -1;
    }
    /* A module that is loaded once more keeps them: those who loaded it before know the sign of a refused default. */
    if ((str_look == NULL && (str_look = PyUnicode_InternFromString("_look")) == NULL)
        || (str_noted == NULL && (str_noted = PyUnicode_InternFromString("_after_hit")) == NULL)
        || (refused == NULL && (refused = PyObject_CallNoArgs((PyObject *)&PyBaseObject_Type)) == NULL)) {
        return -1;
    }
    type = PyType_FromSpec(&reads_spec);
    if (type == NULL || PyModule_AddObjectRef(module, "Reads", type) < 0) {
        Py_XDECREF(type);
        return -1;
    }
    Py_DECREF(type);
    return PyModule_AddObjectRef(module, "REFUSED", refused);
}

static PyModuleDef_Slot module_slots[] = {{Py_mod_exec, fill}, {0, NULL}};

static PyModuleDef definition = {
    PyModuleDef_HEAD_INIT,
    .m_name = "perflab._native",
    .m_doc = PyDoc_STR("What is done for each hit; optional."),
    .m_size = 0,
    .m_methods = functions,
    .m_slots = module_slots,
};

PyMODINIT_FUNC
PyInit__native(void)
{
    return PyModuleDef_Init(&definition);
}
