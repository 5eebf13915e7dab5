/* Events as columns, in one pass.

   In: the events of tapes. Out: what `record/known.py` makes of them where this was not built. */

#include "_texts.h"
#include "_writes.h"

#include <math.h>

#define KINDS 32
#define RECENT 8192
#define MISSING (-1)
#define LONGEST_TEXT 512

/* A key that was met, and the place of its text. Only its address is compared. */
typedef struct {
    PyObject *key;
    int32_t place;
} Met;

/* The numbers that a text was last given, with a size and without one. */
typedef struct {
    int64_t size;
    int32_t sized, bare;
} Last;

/* An event, a tier and a reason that were met, and their number. */
typedef struct {
    PyObject *parts[3];
    int32_t number;
} Kind;

typedef struct {
    PyObject *text_of, *kind_of, *size_of, *seconds_of;
    Texts texts;
    Met *recent;                                      /* by address, the last one of each place */
    Met *odd;                                         /* all keys that only Python can print */
    size_t odd_room, odd_count;                       /* the room is a power of two */
    Last *last;                                       /* by place + 1: the first is that of a missing key */
    Py_ssize_t last_room;
    Kind kinds[KINDS];
    int kind_count;
    int32_t *keys;
    int64_t *sizes;
    Py_ssize_t count, room;
} Columns;

static int
grow_odd(Columns *self)
{
    size_t room = self->odd_room ? self->odd_room * 2 : 256;
    Met *odd = PyMem_Calloc(room, sizeof(Met));
    if (odd == NULL) {
        PyErr_NoMemory();
        return -1;
    }
    for (size_t place = 0; place < self->odd_room; place++) {
        if (self->odd[place].key != NULL) {
            size_t at = mixed((uintptr_t)self->odd[place].key) & (room - 1);
            while (odd[at].key != NULL) {
                at = (at + 1) & (room - 1);
            }
            odd[at] = self->odd[place];
        }
    }
    PyMem_Free(self->odd);
    self->odd = odd;
    self->odd_room = room;
    return 0;
}

/* The place of what Python prints, -1 of a missing key, -2 on errors. It may be slow, and the same object comes often. */
static int32_t
place_of_odd(Columns *self, PyObject *key)
{
    PyObject *text;
    const char *encoded;
    Py_ssize_t length;
    int32_t place = MISSING;
    size_t at;
    if (self->odd_count * 2 >= self->odd_room && grow_odd(self) < 0) {
        return -2;
    }
    for (at = mixed((uintptr_t)key) & (self->odd_room - 1); self->odd[at].key; at = (at + 1) & (self->odd_room - 1)) {
        if (self->odd[at].key == key) {
            return self->odd[at].place;
        }
    }
    text = PyObject_CallOneArg(self->text_of, key);
    if (text != NULL && text != Py_None) {
        encoded = PyUnicode_AsUTF8AndSize(text, &length);
        place = encoded == NULL ? -2 : place_of_text(&self->texts, encoded, (size_t)length);
    }
    if (text == NULL || place == -2) {
        Py_XDECREF(text);
        return -2;
    }
    Py_DECREF(text);
    self->odd[at] = (Met){key, place};
    self->odd_count++;
    return place;
}

/* The place of a key's text among the texts, -1 of a missing key, -2 on errors. */
static int32_t
place_of_key(Columns *self, PyObject *key)
{
    Met *met = &self->recent[mixed((uintptr_t)key) & (RECENT - 1)];
    int32_t place;
    int overflow = 1;
    if (met->key == key) {
        return met->place;
    }
    if (key == Py_None) {
        return MISSING;
    }
    if (PyUnicode_CheckExact(key) && PyUnicode_IS_COMPACT_ASCII(key) && PyUnicode_GET_LENGTH(key) <= LONGEST_TEXT) {
        place = place_of_text(&self->texts, (const char *)PyUnicode_1BYTE_DATA(key), (size_t)PyUnicode_GET_LENGTH(key));
    }
    else {
        long long number = PyLong_CheckExact(key) ? PyLong_AsLongLongAndOverflow(key, &overflow) : 0;
        place = overflow ? place_of_odd(self, key) : place_of_number(&self->texts, number);
    }
    if (place != -2) {
        *met = (Met){key, place};
    }
    return place;
}

static int
grow_last(Columns *self, Py_ssize_t count)
{
    Py_ssize_t room = Py_MAX(count, self->last_room * 2 + 64);
    Last *last = PyMem_Realloc(self->last, room * sizeof(Last));
    if (last == NULL) {
        PyErr_NoMemory();
        return -1;
    }
    for (Py_ssize_t place = self->last_room; place < room; place++) {
        last[place] = (Last){MISSING, MISSING, MISSING};
    }
    self->last = last;
    self->last_room = room;
    return 0;
}

static int32_t
new_number(Columns *self, int32_t place, int64_t size)
{
    if (self->count == self->room) {
        Py_ssize_t room = self->room * 2 + 64;
        int32_t *keys = PyMem_Realloc(self->keys, room * sizeof(int32_t));
        int64_t *sizes = keys == NULL ? NULL : PyMem_Realloc(self->sizes, room * sizeof(int64_t));
        self->keys = keys == NULL ? self->keys : keys;
        self->sizes = sizes == NULL ? self->sizes : sizes;
        if (sizes == NULL) {
            PyErr_NoMemory();
            return -1;
        }
        self->room = room;
    }
    self->keys[self->count] = place;
    self->sizes[self->count] = size;
    return (int32_t)self->count++;
}

/* The number of a key with a size: the one that both had last, or a new one; -1 on errors. */
static int32_t
number_of(Columns *self, int32_t place, int64_t size)
{
    Last *last;
    if (place + 1 >= self->last_room && grow_last(self, place + 2) < 0) {
        return -1;
    }
    last = &self->last[place + 1];
    if (size == MISSING) {
        return last->bare != MISSING ? last->bare : (last->bare = new_number(self, place, size));
    }
    if (last->sized == MISSING || last->size != size) {
        last->sized = new_number(self, place, size);
        last->size = size;
    }
    return last->sized;
}

/* The number of an event, a tier and a reason that were met; -1 if they were not. */
static int32_t
known_kind(Columns *self, PyObject *const *facts)
{
    for (int place = self->kind_count - 1; place >= 0; place--) {
        Kind *met = &self->kinds[place];
        if (met->parts[0] == facts[EVENT] && met->parts[1] == facts[TIER] && met->parts[2] == facts[REASON]) {
            return met->number;
        }
    }
    return -1;
}

/* The number of an event, a tier and a reason; -1 on errors. */
static int32_t
kind_of(Columns *self, PyObject *const *facts)
{
    PyObject *parts[3] = {facts[EVENT], facts[TIER], facts[REASON]}, *found;
    Kind *met;
    long number = known_kind(self, facts);
    if (number >= 0) {
        return (int32_t)number;
    }
    found = PyObject_CallFunctionObjArgs(self->kind_of, parts[0], parts[1], parts[2], NULL);
    number = found == NULL ? -1 : PyLong_AsLong(found);
    Py_XDECREF(found);
    if (number >= 0 && self->kind_count < KINDS) {
        met = &self->kinds[self->kind_count++];
        *met = (Kind){{Py_NewRef(parts[0]), Py_NewRef(parts[1]), Py_NewRef(parts[2])}, (int32_t)number};
    }
    return (int32_t)number;
}

/* A size in bytes, or -1; -2 on errors. */
static int64_t
size_of(Columns *self, PyObject *nbytes)
{
    PyObject *known;
    int64_t size;
    int overflow;
    if (nbytes == Py_None) {
        return MISSING;
    }
    if (PyLong_CheckExact(nbytes)) {
        size = PyLong_AsLongLongAndOverflow(nbytes, &overflow);
        return overflow || size < 0 ? MISSING : size;
    }
    known = PyObject_CallOneArg(self->size_of, nbytes);
    size = known == NULL ? -2 : PyLong_AsLongLong(known);
    Py_XDECREF(known);
    return size == -1 && PyErr_Occurred() ? -2 : size;
}

/* A duration in seconds, not a number where there is none; on errors too. */
static double
seconds_of(Columns *self, PyObject *duration)
{
    PyObject *known;
    double seconds;
    if (duration == Py_None) {
        return NAN;
    }
    if (PyFloat_CheckExact(duration)) {
        return PyFloat_AS_DOUBLE(duration);
    }
    known = PyObject_CallOneArg(self->seconds_of, duration);
    seconds = known == NULL ? NAN : PyFloat_AsDouble(known);
    Py_XDECREF(known);
    return seconds;
}

enum { AT, NOW, KIND, CODE, TOOK, COLUMNS };
static const size_t widths[COLUMNS] = {sizeof(int64_t), sizeof(double), sizeof(int32_t), sizeof(int32_t), sizeof(double)};

/* Whether columns are made of a row without a line of Python. */
static int
is_plain(Columns *self, PyObject *const *facts)
{
    PyObject *key = facts[KEY], *nbytes = facts[NBYTES], *duration = facts[DURATION];
    int overflow = 0;
    if (known_kind(self, facts) < 0 || (nbytes != Py_None && !PyLong_CheckExact(nbytes))
        || (duration != Py_None && !PyFloat_CheckExact(duration))) {
        return 0;
    }
    if (self->recent[mixed((uintptr_t)key) & (RECENT - 1)].key == key || key == Py_None) {
        return 1;
    }
    if (PyLong_CheckExact(key)) {
        PyLong_AsLongLongAndOverflow(key, &overflow);
        return !overflow;
    }
    return PyUnicode_CheckExact(key) && PyUnicode_IS_COMPACT_ASCII(key) && PyUnicode_GET_LENGTH(key) <= LONGEST_TEXT;
}

/* Write the columns of one row. */
static int
write_row(Columns *self, Row row, PyObject *const *arrays, Py_ssize_t place)
{
    int32_t kind, at = 0, code = 0;
    int64_t size = 0;
    double took = 0.0;
    /* What a key does to print itself may be anything, so all that the row has is held then. */
    int failed, held = !is_plain(self, row.facts);
    for (int fact = 0; held && fact < FACTS; fact++) {
        Py_INCREF(row.facts[fact]);
    }
    kind = kind_of(self, row.facts);
    failed = kind < 0 || (at = place_of_key(self, row.facts[KEY])) == -2
             || (size = size_of(self, row.facts[NBYTES])) == -2 || (code = number_of(self, at, size)) < 0;
    if (!failed) {
        took = seconds_of(self, row.facts[DURATION]);
        failed = isnan(took) && PyErr_Occurred();
    }
    for (int fact = 0; held && fact < FACTS; fact++) {
        Py_DECREF(row.facts[fact]);
    }
    if (failed) {
        return -1;
    }
    ((int64_t *)PyByteArray_AS_STRING(arrays[AT]))[place] = row.at;
    ((double *)PyByteArray_AS_STRING(arrays[NOW]))[place] = row.now;
    ((int32_t *)PyByteArray_AS_STRING(arrays[KIND]))[place] = kind;
    ((int32_t *)PyByteArray_AS_STRING(arrays[CODE]))[place] = code;
    ((double *)PyByteArray_AS_STRING(arrays[TOOK]))[place] = took;
    return 0;
}

static int
write_batches(Columns *self, PyObject *batches, PyObject *const *arrays, Py_ssize_t total)
{
    Py_ssize_t place = 0;
    for (Py_ssize_t number = 0; number < PyTuple_GET_SIZE(batches); number++) {
        EventRows *batch = (EventRows *)PyTuple_GET_ITEM(batches, number);
        for (Py_ssize_t row = 0; row < batch->count; row++, place++) {
            if (place == total) {
                PyErr_SetString(PyExc_RuntimeError, "events were added while columns were made of them");
                return -1;
            }
            if (write_row(self, batch->rows[row], arrays, place) < 0) {
                return -1;
            }
        }
    }
    if (place != total) {
        PyErr_SetString(PyExc_RuntimeError, "events were removed while columns were made of them");
        return -1;
    }
    return 0;
}

/* Give each key of entries a number of its own, with the size of the entry. */
static int
number_entries(Columns *self, PyObject *keys, PyObject *sizes)
{
    for (Py_ssize_t number = 0; number < PyTuple_GET_SIZE(keys); number++) {
        int32_t place = place_of_key(self, PyTuple_GET_ITEM(keys, number));
        int64_t size = place == -2 ? -2 : size_of(self, PyTuple_GET_ITEM(sizes, number));
        if (size == -2 || new_number(self, place, size) < 0) {
            return -1;
        }
    }
    return 0;
}

static void
free_columns(Columns *self)
{
    for (int place = 0; place < self->kind_count; place++) {
        for (int part = 0; part < 3; part++) {
            Py_DECREF(self->kinds[place].parts[part]);
        }
    }
    free_texts(&self->texts);
    PyMem_Free(self->recent);
    PyMem_Free(self->odd);
    PyMem_Free(self->last);
    PyMem_Free(self->keys);
    PyMem_Free(self->sizes);
}

static Py_ssize_t
total_of(PyObject *batches)
{
    Py_ssize_t total = 0;
    for (Py_ssize_t place = 0; place < PyTuple_GET_SIZE(batches); place++) {
        PyObject *batch = PyTuple_GET_ITEM(batches, place);
        if (!Py_IS_TYPE(batch, rows_type)) {
            PyErr_SetString(PyExc_TypeError, "events come as a tuple of their rows");
            return -1;
        }
        total += ((EventRows *)batch)->count;
    }
    return total;
}

static PyObject *
bytes_of(const void *items, size_t count, size_t width)
{
    return PyBytes_FromStringAndSize(items == NULL ? "" : items, (Py_ssize_t)(items == NULL ? 0 : count * width));
}

static PyObject *
finished(Columns *self, PyObject *const *arrays)
{
    PyObject *keys = bytes_of(self->keys, self->count, sizeof(int32_t));
    PyObject *sizes = bytes_of(self->sizes, self->count, sizeof(int64_t));
    PyObject *data = bytes_of(self->texts.data, self->texts.used, 1);
    static const int32_t none = 0;
    PyObject *offsets = bytes_of(self->texts.offsets == NULL ? &none : self->texts.offsets, self->texts.count + 1,
                                 sizeof(int32_t));
    PyObject *result = NULL;
    if (keys != NULL && sizes != NULL && data != NULL && offsets != NULL) {
        result = PyTuple_Pack(9, arrays[AT], arrays[NOW], arrays[KIND], arrays[CODE], arrays[TOOK], keys, sizes, data,
                              offsets);
    }
    Py_XDECREF(keys);
    Py_XDECREF(sizes);
    Py_XDECREF(data);
    Py_XDECREF(offsets);
    return result;
}

PyObject *
event_columns(PyObject *module, PyObject *args)
{
    PyObject *keys, *sizes, *batches, *arrays[COLUMNS] = {NULL}, *result = NULL;
    Columns self = {0};
    Py_ssize_t total;
    if (!PyArg_ParseTuple(args, "O!O!O!OOOO", &PyTuple_Type, &keys, &PyTuple_Type, &sizes, &PyTuple_Type, &batches,
                          &self.text_of, &self.kind_of, &self.size_of, &self.seconds_of)) {
        return NULL;
    }
    total = total_of(batches);
    if (total < 0 || PyTuple_GET_SIZE(keys) != PyTuple_GET_SIZE(sizes) || total > INT32_MAX - PyTuple_GET_SIZE(keys)) {
        if (total >= 0) {
            PyErr_SetString(PyExc_ValueError, "each key has a size, and all rows a number of 32 bits");
        }
        return NULL;
    }
    self.recent = PyMem_Calloc(RECENT, sizeof(Met));
    if (self.recent == NULL) {
        return PyErr_NoMemory();
    }
    for (int column = 0; column < COLUMNS; column++) {
        arrays[column] = PyByteArray_FromStringAndSize(NULL, total * (Py_ssize_t)widths[column]);
        if (arrays[column] == NULL) {
            goto done;
        }
    }
    if (number_entries(&self, keys, sizes) == 0 && write_batches(&self, batches, arrays, total) == 0) {
        result = finished(&self, arrays);
    }
done:
    for (int column = 0; column < COLUMNS; column++) {
        Py_XDECREF(arrays[column]);
    }
    free_columns(&self);
    return result;
}
