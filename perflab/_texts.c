/* Many short texts in one piece of memory, each once.

   In: texts as UTF-8, whole numbers. Out: the place of each. */

#include "_texts.h"

#if PY_VERSION_HEX >= 0x030E0000
#define HASH Py_HashBuffer
#else
/* It is exported by all of them; the headers of 3.13 do not tell. */
PyAPI_FUNC(Py_hash_t) _Py_HashBytes(const void *, Py_ssize_t);
#define HASH _Py_HashBytes
#endif

/* Make room for one more item of a size; NULL, with an error, if there is none. */
static void *
with_room(void *items, size_t count, size_t *room, size_t width)
{
    size_t more = count + count / 2 + 64;
    void *grown;
    if (count <= *room) {
        return items;
    }
    grown = PyMem_Realloc(items, more * width);
    if (grown == NULL) {
        PyErr_NoMemory();
        return NULL;
    }
    *room = more;
    return grown;
}

static int
grow_slots(Texts *self)
{
    size_t room = self->slot_room ? self->slot_room * 2 : 1024;
    Slot *slots = PyMem_Calloc(room, sizeof(Slot));
    if (slots == NULL) {
        PyErr_NoMemory();
        return -1;
    }
    for (size_t place = 0; place < self->slot_room; place++) {
        if (self->slots[place].place) {
            size_t at = self->slots[place].hash & (room - 1);
            while (slots[at].place) {
                at = (at + 1) & (room - 1);
            }
            slots[at] = self->slots[place];
        }
    }
    PyMem_Free(self->slots);
    self->slots = slots;
    self->slot_room = room;
    return 0;
}

static int
keep_text(Texts *self, const char *text, size_t length)
{
    void *data = with_room(self->data, self->used + length + 1, &self->data_room, 1);
    void *offsets = data == NULL ? NULL : with_room(self->offsets, self->count + 2, &self->offset_room, sizeof(int32_t));
    if (data != NULL) {
        self->data = data;
    }
    if (offsets == NULL) {
        return -1;
    }
    self->offsets = offsets;
    if (self->used + length > INT32_MAX) {
        PyErr_SetString(PyExc_OverflowError, "the texts of more keys at once than 2 GiB hold");
        return -1;
    }
    memcpy(self->data + self->used, text, length);
    self->offsets[0] = 0;
    self->used += length;
    self->offsets[++self->count] = (int32_t)self->used;
    return 0;
}

/* The place of a text, a new one at the end; -2 on errors. */
int32_t
place_of_text(Texts *self, const char *text, size_t length)
{
    uint32_t hash = (uint32_t)HASH(text, (Py_ssize_t)length);
    size_t at;
    if (self->count * 2 >= self->slot_room && grow_slots(self) < 0) {
        return -2;
    }
    for (at = hash & (self->slot_room - 1); self->slots[at].place; at = (at + 1) & (self->slot_room - 1)) {
        int32_t place = self->slots[at].place - 1, start = self->offsets[place];
        if (self->slots[at].hash == hash && (size_t)(self->offsets[place + 1] - start) == length
            && memcmp(self->data + start, text, length) == 0) {
            return place;
        }
    }
    if (keep_text(self, text, length) < 0) {
        return -2;
    }
    self->slots[at] = (Slot){hash, (int32_t)self->count};
    return (int32_t)self->count - 1;
}

/* The place of a whole number as text, as `repr` has it. */
int32_t
place_of_number(Texts *self, long long number)
{
    char digits[24], *first = digits + sizeof(digits);
    unsigned long long left = number < 0 ? 0ULL - (unsigned long long)number : (unsigned long long)number;
    do {
        *--first = (char)('0' + left % 10);
    } while (left /= 10);
    if (number < 0) {
        *--first = '-';
    }
    return place_of_text(self, first, (size_t)(digits + sizeof(digits) - first));
}

void
free_texts(Texts *self)
{
    PyMem_Free(self->data);
    PyMem_Free(self->offsets);
    PyMem_Free(self->slots);
}
