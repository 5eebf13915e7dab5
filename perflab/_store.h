/* What a memory tier holds, as far as C has to do with it. */

#ifndef PERFLAB_STORE_H
#define PERFLAB_STORE_H

#include "_queues.h"

/* What waits until an entry is stored: it may run any code. */
typedef struct {
    PyObject *gone;        /* entries that have left, each with a reference to the next one in its slot `after` */
    int full;              /* whether events are to be cut off their tape */
} Later;

typedef struct {
    PyObject_HEAD
    PyObject *hot;         /* dict: key -> entry, of entries that never expire */
    PyObject *told;        /* dict of those of them that have facts */
    PyObject *others;      /* dict of all other entries */
    PyObject *dirty;       /* dict of the entries that are to be written back */
    PyObject *order;       /* the policy, and two of its methods */
    PyObject *add;
    PyObject *victim;
    PyObject *on_evict;
    PyObject *access;      /* of the recorder; `forget` is the function of one that keeps nothing */
    PyObject *forget;
    PyObject *tier;
    Py_ssize_t nbytes, max_bytes, max_entries, largest, left_bytes, bearable;
    char dating, heard;
    Later *later;          /* while an entry is stored in one go */
} Store;

extern PyTypeObject *store_type;

int store_quickly(Store *self, PyObject *entry, PyObject *event);

#endif
