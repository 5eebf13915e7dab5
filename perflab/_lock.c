/* A lock that tells, without being taken, whether anyone holds it.

   In: threads. Out: one of them at a time. What C does in one go needs no lock, as long as nobody is within one. */

#include "_lock.h"

PyTypeObject *lock_type;

static PyObject *
lock_new(PyTypeObject *type, PyObject *args, PyObject *named)
{
    PyObject *module = PyImport_ImportModule("_thread"), *inner = NULL;
    Lock *self = NULL;
    if (module != NULL) {
        inner = PyObject_CallMethod(module, "RLock", NULL);
        Py_DECREF(module);
    }
    if (inner != NULL) {
        self = (Lock *)type->tp_alloc(type, 0);
    }
    if (self != NULL) {
        self->acquire = PyObject_GetAttrString(inner, "acquire");
        self->release = PyObject_GetAttrString(inner, "release");
        if (self->acquire == NULL || self->release == NULL) {
            Py_CLEAR(self);
        }
    }
    Py_XDECREF(inner);
    return (PyObject *)self;
}

static int
lock_traverse(Lock *self, visitproc visit, void *arg)
{
    Py_VISIT(Py_TYPE(self));
    Py_VISIT(self->acquire);
    Py_VISIT(self->release);
    return 0;
}

static void
lock_dealloc(Lock *self)
{
    PyTypeObject *type = Py_TYPE(self);
    PyObject_GC_UnTrack(self);
    Py_CLEAR(self->acquire);
    Py_CLEAR(self->release);
    type->tp_free((PyObject *)self);
    Py_DECREF(type);
}

static PyObject *
lock_acquire(Lock *self, PyObject *const *args, Py_ssize_t count, PyObject *names)
{
    PyObject *taken = PyObject_Vectorcall(self->acquire, args, (size_t)count, names);
    if (taken == Py_True) {
        self->held++;
    }
    return taken;
}

static PyObject *
lock_enter(Lock *self, PyObject *none)
{
    return lock_acquire(self, NULL, 0, NULL);
}

static PyObject *
lock_release(Lock *self, PyObject *none)
{
    PyObject *done = PyObject_CallNoArgs(self->release);
    if (done != NULL) {
        self->held--;
    }
    return done;
}

static PyObject *
lock_exit(Lock *self, PyObject *const *args, Py_ssize_t count)
{
    return lock_release(self, NULL);
}

static PyMethodDef lock_methods[] = {
    {"acquire", (PyCFunction)(void (*)(void))lock_acquire, METH_FASTCALL | METH_KEYWORDS,
     PyDoc_STR("Take the lock, as that of `threading.RLock`.")},
    {"release", (PyCFunction)lock_release, METH_NOARGS, PyDoc_STR("release($self, /)\n--\n\nGive the lock back.")},
    {"__enter__", (PyCFunction)lock_enter, METH_NOARGS, PyDoc_STR("__enter__($self, /)\n--\n\nTake the lock.")},
    {"__exit__", (PyCFunction)(void (*)(void))lock_exit, METH_FASTCALL, PyDoc_STR("Give the lock back.")},
    {NULL, NULL, 0, NULL},
};

static PyMemberDef lock_members[] = {
    {"held", T_PYSSIZET, offsetof(Lock, held), READONLY, PyDoc_STR("How often it is taken at the moment.")},
    {NULL, 0, 0, 0, NULL},
};

static PyType_Slot lock_slots[] = {
    {Py_tp_doc, (void *)PyDoc_STR("A reentrant lock; see `perflab.cache.memory.plainly`.")},
    {Py_tp_new, lock_new},
    {Py_tp_traverse, lock_traverse},
    {Py_tp_dealloc, lock_dealloc},
    {Py_tp_methods, lock_methods},
    {Py_tp_members, lock_members},
    {0, NULL},
};

PyType_Spec lock_spec = {
    .name = "perflab._writes.Lock",
    .basicsize = sizeof(Lock),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC,
    .slots = lock_slots,
};
