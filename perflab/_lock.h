/* A lock that tells, without being taken, whether anyone holds it. */

#ifndef PERFLAB_LOCK_H
#define PERFLAB_LOCK_H

#include "_shared.h"

typedef struct {
    PyObject_HEAD
    PyObject *acquire, *release;  /* of the reentrant lock within */
    Py_ssize_t held;
} Lock;

extern PyTypeObject *lock_type;
extern PyType_Spec lock_spec;

#endif
