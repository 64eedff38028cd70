/* Call a compiled program with each array at an edge of memory that may not be touched.

   The first argument says where: "end" puts arrays before an unreadable page, "start" after one, "heap" into memory of
   the exact size, for a sanitizer. The arguments of the program may not be written. The other memory around arrays has a
   pattern, which has to be there afterwards. The stack is as small as that of a thread of some systems.

   From standard input come calls, each: the number of samples, that of arguments, that of outputs, the length of each
   argument, and their numbers. The outputs go to standard output. The status is 3 if memory around an array has changed,
   4 if two calls differ in a bit. */

#define _GNU_SOURCE
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

void called(long long n, const double *const *a, double *out, char *work);
extern const long long work_bytes __attribute__((weak)); /* of a program that needs no memory, it is not there */

#define PATTERN 0xA5
#define STACK (256 << 10)

typedef struct {
    char *memory, *array;
    size_t whole, size;
} Place;

static char where; /* the first letter of "end", "start" or "heap" */
static size_t page;

static void *checked(void *memory)
{
    if (!memory || memory == MAP_FAILED) {
        perror("memory");
        exit(1);
    }
    return memory;
}

static Place placed(size_t size, size_t alignment)
{
    Place place = {.size = size};
    if (where == 'h') {
        void *memory = NULL;
        if (posix_memalign(&memory, alignment, size)) exit(1);
        place.array = place.memory = checked(memory);
        memset(place.array, PATTERN, size);
        return place;
    }
    place.whole = (size + page - 1) / page * page + 2 * page;
    place.memory =
        checked(mmap(NULL, place.whole, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    memset(place.memory, PATTERN, place.whole);
    if (mprotect(place.memory, page, PROT_NONE) || mprotect(place.memory + place.whole - page, page, PROT_NONE))
        exit(1);
    size_t last = (place.whole - page - size) / alignment * alignment;
    place.array = place.memory + (where == 'e' ? last : page);
    return place;
}

static void read_only(Place place)
{
    if (where != 'h' && mprotect(place.memory + page, place.whole - 2 * page, PROT_READ)) exit(1);
}

static void check_around(Place place)
{
    if (where == 'h') return;
    for (char *p = place.memory + page; p < place.memory + place.whole - page; p++)
        if ((p < place.array || p >= place.array + place.size) && *p != (char)PATTERN) {
            fprintf(stderr, "byte %td of an array of %zu bytes was written\n", p - place.array, place.size);
            exit(3);
        }
}

static void removed(Place place)
{
    if (where == 'h')
        free(place.memory);
    else
        munmap(place.memory, place.whole);
}

static void take(void *memory, size_t size)
{
    if (size && fread(memory, size, 1, stdin) != 1) exit(1);
}

int main(int count, char **words)
{
    long long head[3]; /* samples, arguments, outputs */
    if (count != 2) return 1;
    where = *words[1];
    page = (size_t)sysconf(_SC_PAGESIZE);
    struct rlimit limit = {STACK, STACK};
    if (where != 'h' && setrlimit(RLIMIT_STACK, &limit)) return 1;
    while (fread(head, sizeof head, 1, stdin) == 1) {
        size_t arguments = (size_t)head[1];
        long long *lengths = checked(malloc((arguments + 1) * sizeof *lengths));
        Place *places = checked(malloc((arguments + 1) * sizeof *places));
        const double **a = checked(malloc((arguments + 1) * sizeof *a));
        take(lengths, arguments * sizeof *lengths);
        for (size_t k = 0; k < arguments; k++) {
            places[k] = placed((size_t)lengths[k] * sizeof(double), sizeof(double));
            take(places[k].array, places[k].size);
            read_only(places[k]);
            a[k] = (const double *)places[k].array;
        }
        Place results[2];
        for (int i = 0; i < 2; i++) {
            int needs_work = &work_bytes != NULL;
            Place work = {0};
            if (needs_work) {
                work = placed((size_t)work_bytes, 64);
                memset(work.array, i ? 0xFF : PATTERN, work.size); /* nan, or tiny numbers */
            }
            results[i] = placed((size_t)head[2] * sizeof(double), sizeof(double));
            called(head[0], a, (double *)results[i].array, work.array);
            check_around(results[i]);
            if (needs_work) {
                check_around(work);
                removed(work);
            }
        }
        if (memcmp(results[0].array, results[1].array, results[0].size)) return 4;
        fwrite(results[0].array, results[0].size, 1, stdout);
        for (size_t k = 0; k < arguments; k++) removed(places[k]);
        for (int i = 0; i < 2; i++) removed(results[i]);
        free(a);
        free(places);
        free(lengths);
    }
    return 0;
}
