/* Many short texts in one piece of memory, each once, as `record/texts.py` has them. */

#ifndef PERFLAB_TEXTS_H
#define PERFLAB_TEXTS_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include <stdint.h>

/* A place of a text, and a part of its hash. */
typedef struct {
    uint32_t hash;
    int32_t place;                                    /* from 1 on; 0 where there is none */
} Slot;

/* Texts one behind the other, each once. */
typedef struct {
    char *data;
    int32_t *offsets;                                 /* of each, and where the last ends */
    Slot *slots;
    size_t used, data_room, count, offset_room, slot_room;
} Texts;

int32_t place_of_text(Texts *self, const char *text, size_t length);
int32_t place_of_number(Texts *self, long long number);
void free_texts(Texts *self);

static inline uint64_t
mixed(uint64_t number)
{
    number *= 0x9E3779B97F4A7C15ULL;
    return number ^ number >> 32;
}

#endif
