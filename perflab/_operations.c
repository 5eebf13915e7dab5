/* What is done for each operation: it begins and ends in its context, and the flight ring is told.

   In: operations, and the mapped file of a ring. Out: the same as `record/scope.py` and `record/slots.py` give without
   this module, which is optional. */

#include "_shared.h"

#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "a flight ring is little-endian; elsewhere it is written by Python"
#endif

typedef struct {
    PyObject_HEAD
    PyObject *name;
    PyObject *key;
    PyObject *home;         /* who records it */
    PyObject *parent;       /* the number of the operation around it */
    PyObject *around;
    PyObject *inside;
    PyObject *token;        /* set by its begin, True after its end */
    PyObject *tape;
    PyObject *stream;
    PyObject *ended;
    PyObject *nbytes;
    PyObject *cache_hit;
    PyObject *error;
    PyObject *related;
    PyObject *duration;
    long long number;
    double start;
} Scope;

static PyTypeObject *scope_type;
static long long next_number = 1;
static PyObject *str_begin, *str_current, *str_entered, *str_finish, *str_operation, *str_said, *no_keys, *no_name, *unknown;

static int
scope_traverse(Scope *self, visitproc visit, void *arg)
{
    Py_VISIT(Py_TYPE(self));
    Py_VISIT(self->name);
    Py_VISIT(self->key);
    Py_VISIT(self->home);
    Py_VISIT(self->parent);
    Py_VISIT(self->around);
    Py_VISIT(self->inside);
    Py_VISIT(self->token);
    Py_VISIT(self->tape);
    Py_VISIT(self->stream);
    Py_VISIT(self->ended);
    Py_VISIT(self->nbytes);
    Py_VISIT(self->cache_hit);
    Py_VISIT(self->error);
    Py_VISIT(self->related);
    Py_VISIT(self->duration);
    return 0;
}

static int
scope_clear(Scope *self)
{
    Py_CLEAR(self->name);
    Py_CLEAR(self->key);
    Py_CLEAR(self->home);
    Py_CLEAR(self->parent);
    Py_CLEAR(self->around);
    Py_CLEAR(self->inside);
    Py_CLEAR(self->token);
    Py_CLEAR(self->tape);
    Py_CLEAR(self->stream);
    Py_CLEAR(self->ended);
    Py_CLEAR(self->nbytes);
    Py_CLEAR(self->cache_hit);
    Py_CLEAR(self->error);
    Py_CLEAR(self->related);
    Py_CLEAR(self->duration);
    return 0;
}

static void
scope_dealloc(Scope *self)
{
    PyTypeObject *type = Py_TYPE(self);
    PyObject_GC_UnTrack(self);
    scope_clear(self);
    type->tp_free((PyObject *)self);
    Py_DECREF(type);
}

static PyObject *
scope_new(PyTypeObject *type, PyObject *args, PyObject *names)
{
    Scope *self;
    PyObject *name, *key, *home;
    if (names != NULL && PyDict_GET_SIZE(names) > 0) {
        PyErr_SetString(PyExc_TypeError, "an operation takes its name, its key and its home by place");
        return NULL;
    }
    if (!PyArg_UnpackTuple(args, type->tp_name, 3, 3, &name, &key, &home)) {
        return NULL;
    }
    self = (Scope *)type->tp_alloc(type, 0);
    if (self == NULL) {
        return NULL;
    }
    self->name = Py_NewRef(name);
    self->key = Py_NewRef(key);
    self->home = Py_NewRef(home);
    self->stream = Py_NewRef(no_name);
    self->related = Py_NewRef(no_keys);
    self->duration = Py_NewRef(unknown);
    self->number = next_number++;
    return (PyObject *)self;
}

static int
is_scope(PyObject *object)
{
    return object != NULL && PyObject_TypeCheck(object, scope_type);
}

/* Set `operation` to a new reference to what the context holds: an operation, that of a tape, or NULL. */
static int
current_operation(PyObject *current, PyObject **operation)
{
    PyObject *found;
    *operation = NULL;
    if (PyContextVar_Get(current, NULL, &found) < 0) {
        return -1;
    }
    if (found == NULL || is_scope(found)) {
        *operation = found;
        return 0;
    }
    if (found != Py_None) {
        *operation = PyObject_GetAttr(found, str_operation);
        Py_DECREF(found);
        if (*operation == NULL) {
            return -1;
        }
        found = *operation;
    }
    if (found == Py_None) {
        Py_DECREF(found);
        *operation = NULL;
    }
    return 0;
}

static int
begin_inside(Scope *self, PyObject *around)
{
    if (!is_scope(around)) {
        PyErr_Format(PyExc_TypeError, "what is around an operation is an operation, not %R", around);
        return -1;
    }
    PyObject *parent = PyLong_FromLongLong(((Scope *)around)->number);
    if (parent == NULL) {
        return -1;
    }
    Py_XSETREF(self->parent, parent);
    Py_XSETREF(self->around, Py_NewRef(around));
    return 0;
}

/* Make this operation the current one. */
static int
go_in(Scope *self, PyObject *current)
{
    PyObject *around, *token;
    int failed;
    if (current_operation(current, &around) < 0) {
        return -1;
    }
    failed = around != NULL && begin_inside(self, around) < 0;
    Py_XDECREF(around);
    if (failed) {
        return -1;
    }
    token = PyContextVar_Set(current, (PyObject *)self);
    if (token == NULL) {
        return -1;
    }
    Py_XSETREF(self->token, token);
    return 0;
}

static int
tell_of_begin(Scope *self)
{
    PyObject *begin = PyObject_GetAttr(self->home, str_begin), *done;
    if (begin == NULL) {
        return -1;
    }
    done = begin == Py_None ? Py_NewRef(begin) : PyObject_CallOneArg(begin, (PyObject *)self);
    Py_DECREF(begin);
    Py_XDECREF(done);
    return done == NULL ? -1 : 0;
}

static PyObject *
scope_enter(Scope *self, PyObject *nothing)
{
    PyObject *current;
    int failed;
    if (self->token != NULL && self->token != Py_None) {
        return PyObject_CallMethodNoArgs((PyObject *)self, str_entered);
    }
    current = PyObject_GetAttr(self->home, str_current);
    if (current == NULL) {
        return NULL;
    }
    failed = go_in(self, current) < 0 || tell_of_begin(self) < 0;
    Py_DECREF(current);
    if (failed) {
        return NULL;
    }
    self->start = seconds_now();
    return Py_NewRef(self);
}

static int
set_current(PyObject *current, PyObject *found)
{
    PyObject *token = PyContextVar_Set(current, found == NULL ? Py_None : found);
    Py_XDECREF(token);
    return token == NULL ? -1 : 0;
}

/* Give the context what it held before; one that began in another context, as an async generator can, has no token. */
static int
restore(Scope *self, PyObject *current)
{
    if (PyContextVar_Reset(current, self->token) == 0) {
        return 0;
    }
    if (!PyErr_ExceptionMatches(PyExc_ValueError)) {
        return -1;
    }
    PyErr_Clear();
    return set_current(current, self->around);
}

static int
has_ended(PyObject *operation)
{
    return is_scope(operation) && ((Scope *)operation)->ended != NULL && ((Scope *)operation)->ended != Py_None;
}

/* Make the operation around this one the current one; why some ends are out of order, see `record/scope.py`. */
static int
go_out(Scope *self, PyObject *current)
{
    PyObject *found, *around = self->around;
    if (current_operation(current, &found) < 0) {
        return -1;
    }
    Py_XDECREF(found);
    if (found != (PyObject *)self) {
        return 0;
    }
    if (!has_ended(around)) {
        return restore(self, current);
    }
    while (has_ended(around)) {
        around = ((Scope *)around)->around;
    }
    return set_current(current, around);
}

static int
note_error(Scope *self, PyObject *kind, PyObject *error)
{
    PyObject *said;
    if (error == Py_None || kind == PyExc_GeneratorExit) {  /* a reader who has seen enough is no failure */
        return 0;
    }
    said = PyObject_CallMethodOneArg((PyObject *)self, str_said, error);
    if (said == NULL) {
        return -1;
    }
    Py_XSETREF(self->error, said);
    return 0;
}

static int
leave(Scope *self)
{
    PyObject *current = PyObject_GetAttr(self->home, str_current);
    int failed = current == NULL || go_out(self, current) < 0;
    Py_XDECREF(current);
    if (!failed) {
        Py_XSETREF(self->token, Py_NewRef(Py_True));
    }
    return failed ? -1 : 0;
}

static PyObject *
scope_exit(Scope *self, PyObject *const *args, Py_ssize_t count)
{
    double end = seconds_now();
    PyObject *ended, *duration;
    if (count != 3) {
        PyErr_Format(PyExc_TypeError, "__exit__() takes 3 arguments, not %zd", count);
        return NULL;
    }
    ended = PyFloat_FromDouble(end);
    duration = PyFloat_FromDouble(end - self->start);
    if (ended == NULL || duration == NULL) {
        Py_XDECREF(ended);
        Py_XDECREF(duration);
        return NULL;
    }
    Py_XSETREF(self->ended, ended);
    Py_XSETREF(self->duration, duration);
    if (leave(self) < 0 || note_error(self, args[0], args[1]) < 0) {
        return NULL;
    }
    return PyObject_CallMethodOneArg(self->home, str_finish, (PyObject *)self);
}

static PyMethodDef scope_methods[] = {
    {"__enter__", (PyCFunction)scope_enter, METH_NOARGS, PyDoc_STR("Begin, inside the current operation.")},
    {"__exit__", (PyCFunction)(void (*)(void))scope_exit, METH_FASTCALL, PyDoc_STR("End, and be recorded.")},
    {NULL, NULL, 0, NULL},
};

#define OBJECT(name, place) {name, T_OBJECT, offsetof(Scope, place), 0, NULL}

static PyMemberDef scope_members[] = {
    OBJECT("name", name),
    OBJECT("key", key),
    OBJECT("parent", parent),
    OBJECT("around", around),
    OBJECT("tape", tape),
    OBJECT("stream", stream),
    OBJECT("ended_s", ended),
    OBJECT("nbytes", nbytes),
    OBJECT("cache_hit", cache_hit),
    OBJECT("error", error),
    OBJECT("related_keys", related),
    OBJECT("duration_s", duration),
    OBJECT("_home", home),
    OBJECT("_inside", inside),
    OBJECT("_token", token),
    {"number", T_LONGLONG, offsetof(Scope, number), 0, NULL},
    {NULL, 0, 0, 0, NULL},
};

static PyType_Slot scope_slots[] = {
    {Py_tp_doc, (void *)PyDoc_STR("What an operation is timed by; see `perflab.record.scope`.")},
    {Py_tp_new, scope_new},
    {Py_tp_traverse, scope_traverse},
    {Py_tp_clear, scope_clear},
    {Py_tp_dealloc, scope_dealloc},
    {Py_tp_methods, scope_methods},
    {Py_tp_members, scope_members},
    {0, NULL},
};

static PyType_Spec scope_spec = {
    .name = "perflab._operations.Scope",
    .basicsize = sizeof(Scope),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_HAVE_GC,
    .slots = scope_slots,
};

static PyObject *
number_from(PyObject *module, PyObject *start)
{
    long long number = PyLong_AsLongLong(start);
    if (number == -1 && PyErr_Occurred()) {
        return NULL;
    }
    next_number = number;
    Py_RETURN_NONE;
}

/* A slot: number of the event, t, operation, duration, kind, length of the text, text, number of the event again. */
enum { SEQUENCE_AT = 0, TIME_AT = 8, NUMBER_AT = 16, DURATION_AT = 24, KIND_AT = 32, LENGTH_AT = 33, TEXT_AT = 34 };
enum { BEGIN = 1, END = 2, FAILED = 3 };
#define FIXED_BYTES 42

typedef struct {
    PyObject_HEAD
    Py_buffer view;         /* the mapped file; view.obj is NULL while the ring is off */
    Py_ssize_t first;       /* bytes before the first slot */
    Py_ssize_t slots;
    Py_ssize_t slot_bytes;
    PyObject *clock;        /* nanoseconds since 1970, or None for the system's */
    unsigned long long sequence;
    Py_ssize_t missed;
} Slots;

static PyObject *str_began, *str_ended;

static int
slots_traverse(Slots *self, visitproc visit, void *arg)
{
    Py_VISIT(Py_TYPE(self));
    Py_VISIT(self->view.obj);
    Py_VISIT(self->clock);
    return 0;
}

static int
slots_clear(Slots *self)
{
    Py_CLEAR(self->clock);
    PyBuffer_Release(&self->view);
    return 0;
}

static void
slots_dealloc(Slots *self)
{
    PyTypeObject *type = Py_TYPE(self);
    PyObject_GC_UnTrack(self);
    slots_clear(self);
    type->tp_free((PyObject *)self);
    Py_DECREF(type);
}

static PyObject *
slots_map(Slots *self, PyObject *args)
{
    PyObject *mapped, *clock;
    Py_ssize_t first, slots, slot_bytes;
    Py_buffer view;
    if (!PyArg_ParseTuple(args, "OnnnO", &mapped, &first, &slots, &slot_bytes, &clock)) {
        return NULL;
    }
    if (PyObject_GetBuffer(mapped, &view, PyBUF_WRITABLE) < 0) {
        return NULL;
    }
    if (first < 0 || slots < 1 || slot_bytes <= FIXED_BYTES || slots > (view.len - first) / slot_bytes) {
        PyErr_Format(PyExc_ValueError, "%zd slots of %zd bytes have no room in %zd", slots, slot_bytes, view.len - first);
        PyBuffer_Release(&view);
        return NULL;
    }
    PyBuffer_Release(&self->view);
    self->view = view;
    self->first = first;
    self->slots = slots;
    self->slot_bytes = slot_bytes;
    Py_XSETREF(self->clock, Py_NewRef(clock));
    Py_RETURN_NONE;
}

static PyObject *
slots_unmap(Slots *self, PyObject *nothing)
{
    PyBuffer_Release(&self->view);
    Py_RETURN_NONE;
}

static int
nanoseconds(Slots *self, long long *now)
{
    struct timespec read;
    PyObject *told;
    if (self->clock == Py_None) {
        clock_gettime(CLOCK_REALTIME, &read);
        *now = read.tv_sec * 1000000000LL + read.tv_nsec;
        return 0;
    }
    told = PyObject_CallNoArgs(self->clock);
    *now = told == NULL ? -1 : PyLong_AsLongLong(told);
    Py_XDECREF(told);
    return PyErr_Occurred() ? -1 : 0;
}

/* Append to a slot's text; what has no room is cut. */
static void
add_text(Slots *self, unsigned char *slot, const char *text, Py_ssize_t length)
{
    Py_ssize_t room = Py_MIN(self->slot_bytes - FIXED_BYTES, 255) - slot[LENGTH_AT];
    length = Py_MIN(length, room);
    memcpy(slot + TEXT_AT + slot[LENGTH_AT], text, (size_t)length);
    slot[LENGTH_AT] += (unsigned char)length;
}

/* Clear the next slot and fill it but for its last number, without which it counts as not finished. */
static unsigned char *
open_slot(Slots *self, long long now, long long number, double duration, int kind)
{
    unsigned long long sequence = ++self->sequence;
    unsigned char *slot = (unsigned char *)self->view.buf + self->first
                          + (Py_ssize_t)((sequence - 1) % (unsigned long long)self->slots) * self->slot_bytes;
    memset(slot, 0, (size_t)self->slot_bytes);
    __atomic_signal_fence(__ATOMIC_SEQ_CST);
    memcpy(slot + SEQUENCE_AT, &sequence, 8);
    memcpy(slot + TIME_AT, &now, 8);
    memcpy(slot + NUMBER_AT, &number, 8);
    memcpy(slot + DURATION_AT, &duration, 8);
    slot[KIND_AT] = (unsigned char)kind;
    return slot;
}

static void
close_slot(Slots *self, unsigned char *slot)
{
    __atomic_signal_fence(__ATOMIC_SEQ_CST);
    memcpy(slot + self->slot_bytes - 8, &self->sequence, 8);
}

static PyObject *
slots_put(Slots *self, PyObject *args)
{
    int kind;
    const char *text;
    Py_ssize_t length;
    long long number, now = 0;
    double duration;
    unsigned char *slot;
    if (!PyArg_ParseTuple(args, "iy#Ld", &kind, &text, &length, &number, &duration)) {
        return NULL;
    }
    if (self->clock != NULL && nanoseconds(self, &now) < 0) {
        return NULL;
    }
    if (self->view.obj != NULL) {  /* the clock may have switched it off */
        slot = open_slot(self, now, number, duration, kind);
        add_text(self, slot, text, length);
        close_slot(self, slot);
    }
    Py_RETURN_NONE;
}

/* Whether the object is text whose bytes are its UTF-8: other text is for Python. */
static int
is_plain(PyObject *text)
{
    return text != NULL && PyUnicode_CheckExact(text) && PyUnicode_IS_COMPACT_ASCII(text);
}

static void
add_plain(Slots *self, unsigned char *slot, PyObject *text)
{
    add_text(self, slot, (const char *)PyUnicode_1BYTE_DATA(text), PyUnicode_GET_LENGTH(text));
}

static PyObject *
slots_began(Slots *self, PyObject *operation)
{
    Scope *scope = (Scope *)operation;
    long long now;
    unsigned char *slot;
    if (self->view.obj == NULL) {
        Py_RETURN_NONE;
    }
    if (self->clock != Py_None || !is_scope(operation) || !is_plain(scope->name)
        || (scope->key != Py_None && !is_plain(scope->key))) {
        return PyObject_CallMethodOneArg((PyObject *)self, str_began, operation);
    }
    nanoseconds(self, &now);
    slot = open_slot(self, now, scope->number, Py_NAN, BEGIN);
    add_plain(self, slot, scope->name);
    if (scope->key != Py_None) {
        add_text(self, slot, " '", 2);
        add_plain(self, slot, scope->key);
        add_text(self, slot, "'", 1);
    }
    close_slot(self, slot);
    Py_RETURN_NONE;
}

static PyObject *
slots_ended(Slots *self, PyObject *operation)
{
    Scope *scope = (Scope *)operation;
    long long now;
    unsigned char *slot;
    if (self->view.obj == NULL) {
        Py_RETURN_NONE;
    }
    if (self->clock != Py_None || !is_scope(operation) || !is_plain(scope->name) || scope->duration == NULL
        || !PyFloat_CheckExact(scope->duration)) {
        return PyObject_CallMethodOneArg((PyObject *)self, str_ended, operation);
    }
    nanoseconds(self, &now);
    slot = open_slot(self, now, scope->number, PyFloat_AS_DOUBLE(scope->duration),
                     scope->error == NULL || scope->error == Py_None ? END : FAILED);
    add_plain(self, slot, scope->name);
    close_slot(self, slot);
    Py_RETURN_NONE;
}

static PyObject *
slots_on(Slots *self, void *nothing)
{
    return PyBool_FromLong(self->view.obj != NULL);
}

static PyMethodDef slots_methods[] = {
    {"began", (PyCFunction)slots_began, METH_O, PyDoc_STR("began($self, operation, /)\n--\n\nWrite that it began.")},
    {"ended", (PyCFunction)slots_ended, METH_O, PyDoc_STR("ended($self, operation, /)\n--\n\nWrite that it ended.")},
    {"_map", (PyCFunction)slots_map, METH_VARARGS, PyDoc_STR("Write to a mapped file from now on.")},
    {"_put", (PyCFunction)slots_put, METH_VARARGS, PyDoc_STR("Fill the next slot.")},
    {"_unmap", (PyCFunction)slots_unmap, METH_NOARGS, PyDoc_STR("Write no more.")},
    {NULL, NULL, 0, NULL},
};

static PyMemberDef slots_members[] = {
    {"missed", T_PYSSIZET, offsetof(Slots, missed), 0, NULL},
    {NULL, 0, 0, 0, NULL},
};

static PyGetSetDef slots_properties[] = {
    {"on", (getter)slots_on, NULL, PyDoc_STR("Whether events are written."), NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

static PyType_Slot slots_slots[] = {
    {Py_tp_doc, (void *)PyDoc_STR("The slots of a flight ring; see `perflab.record.slots`.")},
    {Py_tp_traverse, slots_traverse},
    {Py_tp_clear, slots_clear},
    {Py_tp_dealloc, slots_dealloc},
    {Py_tp_methods, slots_methods},
    {Py_tp_members, slots_members},
    {Py_tp_getset, slots_properties},
    {0, NULL},
};

static PyType_Spec slots_spec = {
    .name = "perflab._operations.Slots",
    .basicsize = sizeof(Slots),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_HAVE_GC,
    .slots = slots_slots,
};

static int
add_type(PyObject *module, const char *name, PyType_Spec *spec, PyTypeObject **held)
{
    PyObject *type = PyType_FromSpec(spec);
    int failed = type == NULL || PyModule_AddObjectRef(module, name, type) < 0;
    if (!failed && held != NULL) {
        *held = (PyTypeObject *)Py_NewRef(type);
    }
    Py_XDECREF(type);
    return failed ? -1 : 0;
}

static int
fill(PyObject *module)
{
    static const struct {
        PyObject **held;
        const char *text;
    } names[] = {
        {&str_begin, "begin"}, {&str_current, "current"}, {&str_entered, "_refuse"}, {&str_finish, "finish"},
        {&str_operation, "operation"}, {&str_said, "_said"}, {&no_name, ""},
        {&str_began, "_began_slowly"}, {&str_ended, "_ended_slowly"},
    };
    size_t place;
    if (PyInterpreterState_Get() != PyInterpreterState_Main() || scope_type != NULL) {
        PyErr_SetString(PyExc_ImportError, "perflab._operations is loaded once, in the main interpreter");
        return -1;
    }
    for (place = 0; place < Py_ARRAY_LENGTH(names); place++) {
        if ((*names[place].held = PyUnicode_InternFromString(names[place].text)) == NULL) {
            return -1;
        }
    }
    if ((no_keys = PyTuple_New(0)) == NULL || (unknown = PyFloat_FromDouble(Py_NAN)) == NULL
        || add_type(module, "Scope", &scope_spec, &scope_type) < 0) {
        return -1;
    }
    return add_type(module, "Slots", &slots_spec, NULL);
}

static PyMethodDef functions[] = {
    {"number_from", number_from, METH_O,
     PyDoc_STR("number_from($module, start, /)\n--\n\nGive operations that are made from now on numbers from `start`.")},
    {NULL, NULL, 0, NULL},
};

static PyModuleDef_Slot module_slots[] = {{Py_mod_exec, fill}, {0, NULL}};

static PyModuleDef definition = {
    PyModuleDef_HEAD_INIT,
    .m_name = "perflab._operations",
    .m_doc = PyDoc_STR("What is done for each operation; optional."),
    .m_size = 0,
    .m_methods = functions,
    .m_slots = module_slots,
};

PyMODINIT_FUNC
PyInit__operations(void)
{
    return PyModuleDef_Init(&definition);
}
