/* What the modules in C have in common: the clock, and the slots of Python's classes. */

#ifndef PERFLAB_SHARED_H
#define PERFLAB_SHARED_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <structmember.h>
#include <time.h>

#ifndef __linux__
#error "perf_counter is read as Linux has it; elsewhere perflab runs without its modules in C"
#endif

#define SLOT(object, offset) (*(PyObject **)((char *)(object) + (offset)))

static inline double
seconds_now(void)
{
    /* What time.perf_counter reads on Linux, so that its times and these are of one clock. */
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)(now.tv_sec * 1000000000LL + now.tv_nsec) * 1e-9;
}

/* The offset of a slot in the instances of a class with __slots__, or -1: then attributes are looked up.
   A class may hold the slot of another class, whose instances are laid out in another way. */
static inline Py_ssize_t
slot_offset(PyTypeObject *type, const char *name)
{
    PyObject *slot = PyObject_GetAttrString((PyObject *)type, name);
    Py_ssize_t offset = -1;
    if (slot == NULL) {
        PyErr_Clear();
        return -1;
    }
    if (Py_IS_TYPE(slot, &PyMemberDescr_Type)) {
        PyMemberDef *member = ((PyMemberDescrObject *)slot)->d_member;
        if (member->type == T_OBJECT_EX && member->flags == 0 && PyType_IsSubtype(type, PyDescr_TYPE(slot))) {
            offset = member->offset;
        }
    }
    Py_DECREF(slot);
    return offset;
}

#endif
