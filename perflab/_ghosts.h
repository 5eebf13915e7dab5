/* Which keys left a queue not long ago. */

#ifndef PERFLAB_GHOSTS_H
#define PERFLAB_GHOSTS_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include <stdint.h>

/* The number of its departure by the hash of a key that left. */
typedef struct {
    Py_hash_t hash;
    Py_ssize_t departed;  /* from 1 on; 0 where there is none */
} Ghost;

typedef struct {
    Ghost *table;
    size_t room;          /* a power of two */
    Py_ssize_t count, departed;
} Ghosts;

int remember(Ghosts *self, Py_hash_t hash, Py_ssize_t held);
Py_ssize_t recall(Ghosts *self, Py_hash_t hash);

#endif
