/* The memory of nodes.

   Nodes are made by the million, live as long as their graph, and are visited in the order of their creation. So they
   lie in that order, in chunks that are filled from the first place to the last: a list of free places, last freed
   first used, shuffles them after a few steps, and a step of micrograd's demo then takes three times as long.

   A chunk of which at least half is free may be filled again, in the same order: nodes that live long keep at most as
   much memory again. Empty chunks go back to the system, except for a few that the next graph will want.

   A place is free if it has no type: new memory is all 0. (Not if its reference count is 0: a node that is about to be
   freed has that already when callbacks of weak references run, which may make nodes.)

   Everything here is called with the interpreter's lock held. */

#if defined(__SANITIZE_ADDRESS__) /* the sanitizer sees what malloc has freed; of places it is told, but for their \
                                     type */
#include <sanitizer/asan_interface.h>
#define FORBID(v) ASAN_POISON_MEMORY_REGION((PyObject *)(v) + 1, sizeof(Node) - sizeof(PyObject))
#define ALLOW(v) ASAN_UNPOISON_MEMORY_REGION(v, sizeof(Node))
#else
#define FORBID(v)
#define ALLOW(v)
#endif

#if defined(_WIN32)
#include <malloc.h>
#else
#include <sys/mman.h>
#ifndef MAP_ANONYMOUS
#define MAP_ANONYMOUS MAP_ANON
#endif
#endif

enum {
    CHUNK_BYTES = 1 << 18,
    EMPTY_CHUNKS_KEPT = 64 /* 16 MB: more than the graph of micrograd's demo, which every step makes anew */
};

typedef struct Chunk {
    struct Chunk *next, *previous; /* in one of the lists below */
    Py_ssize_t used;               /* places that have a living node */
    int sparse;                    /* it is in the list of sparse chunks */
} Chunk;

enum { PLACES = (CHUNK_BYTES - sizeof(Chunk)) / sizeof(Node) };

static Chunk *current;       /* the chunk being filled; in no list */
static Node *place, *beyond; /* where the search for a free place goes on in it, and where it ends */
static Chunk *sparse_chunks; /* at least half free, not empty */
static Chunk *empty_chunks;
static Py_ssize_t empty_count, chunk_count, living;

static Node *first_place(Chunk *chunk) { return (Node *)(chunk + 1); }

static Chunk *chunk_of(Node *v) { return (Chunk *)((uintptr_t)v & ~(uintptr_t)(CHUNK_BYTES - 1)); }

/* Return memory that begins at a multiple of its size, so that the address of a node tells its chunk. */
static Chunk *chunk_from_system(void)
{
#if defined(_WIN32)
    Chunk *chunk = _aligned_malloc(CHUNK_BYTES, CHUNK_BYTES);
    if (chunk)
        memset(chunk, 0, CHUNK_BYTES);
    return chunk;
#else
    /* Not malloc: it keeps what is freed below other memory. Twice the size has a multiple in it; the rest goes back.
     */
    char *memory = mmap(NULL, 2 * CHUNK_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED)
        return NULL;
    size_t before = (CHUNK_BYTES - (uintptr_t)memory % CHUNK_BYTES) % CHUNK_BYTES;
    if (before)
        munmap(memory, before);
    munmap(memory + before + CHUNK_BYTES, CHUNK_BYTES - before);
    return (Chunk *)(memory + before);
#endif
}

static void chunk_to_system(Chunk *chunk)
{
#if defined(_WIN32)
    _aligned_free(chunk);
#else
    munmap(chunk, CHUNK_BYTES);
#endif
    chunk_count--;
}

static void put_in(Chunk **list, Chunk *chunk)
{
    chunk->previous = NULL;
    chunk->next = *list;
    if (*list)
        (*list)->previous = chunk;
    *list = chunk;
}

static void take_out(Chunk **list, Chunk *chunk)
{
    if (chunk->previous)
        chunk->previous->next = chunk->next;
    else
        *list = chunk->next;
    if (chunk->next)
        chunk->next->previous = chunk->previous;
}

/* Put a chunk that is not the current one into the list for what is left in it. */
static void classify(Chunk *chunk)
{
    if (chunk->used > PLACES / 2)
        return;
    if (chunk->used) {
        if (!chunk->sparse) {
            chunk->sparse = 1;
            put_in(&sparse_chunks, chunk);
        }
        return;
    }
    if (chunk->sparse) {
        chunk->sparse = 0;
        take_out(&sparse_chunks, chunk);
    }
    if (empty_count < EMPTY_CHUNKS_KEPT) {
        put_in(&empty_chunks, chunk);
        empty_count++;
    } else
        chunk_to_system(chunk);
}

/* Make another chunk the current one: an empty one, a sparse one, a new one. Return 0 if there is no memory. */
static int next_chunk(void)
{
    Chunk *chunk = empty_chunks;
    if (chunk) {
        take_out(&empty_chunks, chunk);
        empty_count--;
    } else if (sparse_chunks) {
        chunk = sparse_chunks;
        take_out(&sparse_chunks, chunk);
        chunk->sparse = 0;
    } else if ((chunk = chunk_from_system()))
        chunk_count++;
    else
        return 0;
    if (current)
        classify(current);
    current = chunk;
    place = first_place(chunk);
    beyond = place + PLACES;
    return 1;
}

/* Return a free place, NULL if there is no memory; all that is in it is whatever was there before. */
static inline Node *take_place(void)
{
    for (;;) {
        for (; place < beyond; place++)
            if (!Py_TYPE((PyObject *)place)) {
                current->used++;
                living++;
                ALLOW(place);
                return place++;
            }
        if (!next_chunk())
            return NULL;
    }
}

/* Free the place of a node that has died. */
static inline void give_place_back(Node *v)
{
    Chunk *chunk = chunk_of(v);
    Py_SET_TYPE((PyObject *)v, NULL);
    FORBID(v);
    chunk->used--;
    living--;
    if (chunk == current) {
        if (!chunk->used) /* the next small graph lies where this one did, in the processor's cache */
            place = first_place(chunk);
    } else if (chunk->used == PLACES / 2 || !chunk->used)
        classify(chunk);
}
