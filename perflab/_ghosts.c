/* Which keys left a queue not long ago.

   In: hashes of keys that leave, and of those that come. Out: the number of a departure, as the dict of
   `cache/policy/s3fifo.py` has it. */

#include "_ghosts.h"

static inline size_t
ghost_place(Py_hash_t hash, size_t room)
{
    uint64_t mixed = (uint64_t)hash * 0x9E3779B97F4A7C15ULL;
    return (size_t)(mixed ^ mixed >> 32) & (room - 1);
}

/* Keep the ghosts that are not older than so, in a table of that room. */
static int
sift_ghosts(Ghosts *self, Py_ssize_t oldest, size_t room)
{
    Ghost *table = PyMem_Calloc(room, sizeof(Ghost));
    Py_ssize_t count = 0;
    if (table == NULL) {
        PyErr_NoMemory();
        return -1;
    }
    for (size_t place = 0; place < self->room; place++) {
        Ghost ghost = self->table[place];
        if (ghost.departed && ghost.departed >= oldest) {
            size_t found = ghost_place(ghost.hash, room);
            while (table[found].departed) {
                found = (found + 1) & (room - 1);
            }
            table[found] = ghost;
            count++;
        }
    }
    PyMem_Free(self->table);
    self->table = table;
    self->room = room;
    self->count = count;
    return 0;
}

/* Remember that a key has left; what left before the last `held` may be forgotten. */
int
remember(Ghosts *self, Py_hash_t hash, Py_ssize_t held)
{
    size_t place;
    if ((size_t)(self->count + 1) * 2 > self->room
        && sift_ghosts(self, 0, self->room ? self->room * 2 : 256) < 0) {
        return -1;
    }
    self->departed++;
    for (place = ghost_place(hash, self->room); self->table[place].departed;
         place = (place + 1) & (self->room - 1)) {
        if (self->table[place].hash == hash) {
            self->table[place].departed = self->departed;
            return 0;
        }
    }
    self->table[place] = (Ghost){hash, self->departed};
    self->count++;
    if (self->count > 2 * held + 64) {
        size_t room = self->room;
        while (room > 256 && (size_t)(2 * held + 64) * 4 < room) {
            room /= 2;
        }
        return sift_ghosts(self, self->departed - held, room);
    }
    return 0;
}

/* Forget the ghost of a hash and return the number of its departure, 0 if there is none. */
Py_ssize_t
recall(Ghosts *self, Py_hash_t hash)
{
    size_t mask = self->room - 1, place, next;
    Py_ssize_t departed;
    if (self->count == 0) {
        return 0;
    }
    for (place = ghost_place(hash, self->room); self->table[place].hash != hash || !self->table[place].departed;
         place = (place + 1) & mask) {
        if (!self->table[place].departed) {
            return 0;
        }
    }
    departed = self->table[place].departed;
    /* Those behind it that would not be found any more move up. */
    for (next = (place + 1) & mask; self->table[next].departed; next = (next + 1) & mask) {
        size_t wanted = ghost_place(self->table[next].hash, self->room);
        if (((next - wanted) & mask) >= ((next - place) & mask)) {
            self->table[place] = self->table[next];
            place = next;
        }
    }
    self->table[place].departed = 0;
    self->count--;
    return departed;
}
