/* A ring of numbers: the newest ones overwrite the oldest. */
#include <stddef.h>
#include <stdlib.h>

#define RING_ROOM 64
#define RING_NEXT(at) (((at) + 1) % RING_ROOM)

typedef double reading_t;

/* Where the next reading goes, and how many there are. */
struct ring {
    reading_t items[RING_ROOM];
    size_t at;
    size_t count;
};

enum ring_state { RING_EMPTY, RING_PART, RING_FULL };

static int live_rings = 0;

/* Return a new ring, or NULL without memory. */
struct ring *ring_new(void)
{
    struct ring *made = calloc(1, sizeof *made);
    if (made != NULL) {
        live_rings++;
    }
    return made;
}

void ring_put(struct ring *ring, reading_t item)
{
    ring->items[ring->at] = item;
    ring->at = RING_NEXT(ring->at);
    if (ring->count < RING_ROOM) {
        ring->count++;
    }
}

#ifdef RING_STATISTICS
/* The mean of what is there, 0 for nothing. */
static reading_t ring_mean(const struct ring *ring)
{
    reading_t sum = 0;
    for (size_t i = 0; i < ring->count; i++) {
        sum += ring->items[i];
    }
    return ring->count ? sum / (reading_t)ring->count : 0;
}
#endif

enum ring_state ring_state(const struct ring *ring)
{
    if (ring->count == 0) {
        return RING_EMPTY;
    }
    return ring->count == RING_ROOM ? RING_FULL : RING_PART;
}

void ring_free(struct ring *ring)
{
    if (ring != NULL) {
        live_rings--;
    }
    free(ring);
}
