/* Orders of eviction that are queues of entries, as `cache/policy/queues.py` and `cache/policy/s3fifo.py` have them. */

#ifndef PERFLAB_QUEUES_H
#define PERFLAB_QUEUES_H

#include "_entries.h"
#include "_ghosts.h"

typedef struct {
    PyObject_HEAD
    int kind;
    PyObject *mark;                            /* the home of its entries */
    PyObject *first, *second;                  /* roots of rings: the queue, or the small and the main one */
    Py_ssize_t small_bytes, bytes, held;
    Ghosts ghosts;
} Queue;

extern PyType_Spec fifo_spec, lru_spec, s3fifo_spec;
extern PyTypeObject *fifo_type, *lru_type, *s3fifo_type;

/* NULL for an order that is done in Python. */
static inline Queue *
as_queue(PyObject *order)
{
    if (order != NULL && (Py_IS_TYPE(order, fifo_type) || Py_IS_TYPE(order, lru_type) || Py_IS_TYPE(order, s3fifo_type))) {
        return (Queue *)order;
    }
    return NULL;
}

int queue_add(Queue *self, PyObject *entry);
int queue_use(Queue *self, PyObject *entry);
int queue_remove(Queue *self, PyObject *entry);
PyObject *queue_victim(Queue *self);

#endif
