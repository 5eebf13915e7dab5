/* The entries of memory tiers, and rings of them, as `cache/entry.py` and `cache/policy/ring.py` have them. */

#ifndef PERFLAB_ENTRIES_H
#define PERFLAB_ENTRIES_H

#include "_writes.h"

/* Where the slots lie that are read or written in C. */
typedef struct {
    Py_ssize_t key, value, nbytes, expires, facts, code, home, before, after, uses;
} Slots;

extern PyTypeObject *entry_type;       /* the class; others of entries extend it */
extern PyObject *plain_facts, *never;  /* the facts of an entry without any, and the end of one that has none */
extern Slots at;

PyObject *use_entries(PyObject *module, PyObject *args);
PyObject *new_entry(PyObject *key, PyObject *value, PyObject *nbytes);

static inline int
is_entry(PyObject *object)
{
    return object != NULL && entry_type != NULL && PyObject_TypeCheck(object, entry_type);
}

static inline void
set_slot(PyObject *object, Py_ssize_t offset, PyObject *value)
{
    PyObject *old = SLOT(object, offset);
    SLOT(object, offset) = Py_NewRef(value);
    Py_XDECREF(old);
}

static inline int
is_linked(PyObject *entry)
{
    return is_entry(SLOT(entry, at.before)) && is_entry(SLOT(entry, at.after));
}

/* Take a linked entry out of its ring; the caller holds a reference to it. */
static inline void
unlink_entry(PyObject *entry)
{
    PyObject *before = SLOT(entry, at.before), *after = SLOT(entry, at.after);
    SLOT(entry, at.before) = Py_NewRef(Py_None);
    SLOT(entry, at.after) = Py_NewRef(Py_None);
    set_slot(before, at.after, after);
    set_slot(after, at.before, before);
    Py_DECREF(before);
    Py_DECREF(after);
}

/* Put an entry that is in no ring behind the last one of a ring. */
static inline void
link_entry(PyObject *root, PyObject *entry)
{
    PyObject *last = Py_NewRef(SLOT(root, at.before));
    set_slot(entry, at.before, last);
    set_slot(entry, at.after, root);
    set_slot(last, at.after, entry);
    set_slot(root, at.before, entry);
    Py_DECREF(last);
}

#endif
