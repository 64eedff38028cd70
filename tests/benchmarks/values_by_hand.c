/* The best C by hand that we know for a loss alone, without its gradients: what compiled functions are measured by.
 *
 * It is compiled as they are: every product and every sum is rounded, in the order in which the loss is written, and
 * tanh is the C library's. A vector holds a number of several samples, one in each lane, and a tile of sums of some
 * neurons and some vectors stays in registers while the weights pass by. The tiles are the fastest of those from 1 x 8
 * to 25 x 1, measured with AVX-512 and with AVX2: several shapes come within 3% of these. Lanes of inputs instead of
 * samples, whose sums are in another order, were no faster.
 *
 * The parameters are in micrograd's order, neuron by neuron, a neuron's bias after its weights.
 */

#include <math.h>
#include <string.h>

#define INLINE static inline __attribute__((always_inline))
#define UNROLL _Pragma("GCC unroll 16") /* loops over a tile: its sums are then variables, which fit in registers */

#if defined __AVX512F__ /* vectors of 8 doubles, 32 registers */
#define LANES 8
#define LOW 0, 8, 1, 9, 2, 10, 3, 11
#define HIGH 4, 12, 5, 13, 6, 14, 7, 15
#define EVEN 0, 2, 4, 6, 8, 10, 12, 14
#define ODD 1, 3, 5, 7, 9, 11, 13, 15
enum { VECTORS = 2, ROWS = 10, ROWS_OF_32 = 8, DEMO_VECTORS = 1, DEMO_ROWS = 16 };
#elif defined __AVX__ /* of 4, 16 registers */
#define LANES 4
#define LOW 0, 4, 1, 5
#define HIGH 2, 6, 3, 7
#define EVEN 0, 2, 4, 6
#define ODD 1, 3, 5, 7
enum { VECTORS = 2, ROWS = 5, ROWS_OF_32 = 4, DEMO_VECTORS = 2, DEMO_ROWS = 4 };
#else /* of 2 */
#define LANES 2
#define LOW 0, 2
#define HIGH 1, 3
#define EVEN 0, 2
#define ODD 1, 3
enum { VECTORS = 2, ROWS = 5, ROWS_OF_32 = 4, DEMO_VECTORS = 2, DEMO_ROWS = 4 };
#endif

enum { BLOCK = LANES * VECTORS, MOST_ROWS = 16, MOST_INPUTS = 784, MOST_NEURONS = 50 };

typedef double vector __attribute__((vector_size(LANES * sizeof(double))));
typedef double anywhere __attribute__((vector_size(LANES * sizeof(double)), aligned(sizeof(double))));
typedef long long mask __attribute__((vector_size(LANES * sizeof(double))));

INLINE vector load(const double *x) { return *(const anywhere *)x; }

INLINE vector positive(vector x) { return (vector)((mask)x & (x > 0)); }

INLINE double total(vector x) {
    double sum = 0;
    UNROLL for (int lane = 0; lane < LANES; lane++) sum += x[lane];
    return sum;
}

/* Read a block of samples, row by row, and write a row for each of their numbers: squares of LANES x LANES numbers are
 * transposed in registers. Interleaving the halves of the list of rows, log2(LANES) times, does that. */
INLINE void transpose(const double *samples, int size, vector numbers[][VECTORS]) {
    for (int v = 0; v < VECTORS; v++, samples += LANES * size) {
        int j = 0;
        for (; j + LANES <= size; j += LANES) {
            vector a[LANES], b[LANES];
            UNROLL for (int i = 0; i < LANES; i++) a[i] = load(samples + i * size + j);
            UNROLL for (int length = LANES; length > 1; length /= 2) {
                UNROLL for (int i = 0; i < LANES / 2; i++) {
                    b[2 * i] = __builtin_shufflevector(a[i], a[i + LANES / 2], LOW);
                    b[2 * i + 1] = __builtin_shufflevector(a[i], a[i + LANES / 2], HIGH);
                }
                UNROLL for (int i = 0; i < LANES; i++) a[i] = b[i];
            }
            UNROLL for (int i = 0; i < LANES; i++) numbers[j + i][v] = a[i];
        }
        for (; j < size; j++)
            for (int lane = 0; lane < LANES; lane++) numbers[j][v][lane] = samples[lane * size + j];
    }
}

/* Compute some neurons of a layer for some vectors of samples. */
INLINE void tile(const double *w, int inputs, int rows, int vectors, const vector *x, vector *z) {
    vector sums[MOST_ROWS][VECTORS];
    UNROLL for (int r = 0; r < rows; r++)
        UNROLL for (int v = 0; v < vectors; v++) sums[r][v] = w[r * (inputs + 1)] * x[v];
    for (int j = 1; j < inputs; j++)
        UNROLL for (int r = 0; r < rows; r++)
            UNROLL for (int v = 0; v < vectors; v++) sums[r][v] += w[r * (inputs + 1) + j] * x[j * vectors + v];
    UNROLL for (int r = 0; r < rows; r++)
        UNROLL for (int v = 0; v < vectors; v++) z[r * vectors + v] = sums[r][v] + w[r * (inputs + 1) + inputs];
}

/* Compute a layer in tiles of some rows; the last tile begins earlier where it would not fit. */
INLINE void layer(const double *w, int inputs, int neurons, int rows, const vector *x, vector *z) {
    for (int r = 0; r < neurons; r += rows) {
        const int first = r + rows > neurons ? neurons - rows : r;
        tile(w + first * (inputs + 1), inputs, rows, VECTORS, x, z + first * VECTORS);
    }
}

/* A network with one hidden layer of tanh: the squared error, its mean over n samples, a multiple of BLOCK. */
INLINE double squared_error(int inputs, int hidden, int outputs, int rows, const double *p, const double *x,
                            const double *t, int n) {
    static _Thread_local vector numbers[MOST_INPUTS][VECTORS], h[MOST_NEURONS][VECTORS], z[MOST_NEURONS][VECTORS];
    vector sums = {0};
    for (int s = 0; s < n; s += BLOCK, x += BLOCK * inputs, t += BLOCK * outputs) {
        transpose(x, inputs, numbers);
        layer(p, inputs, hidden, rows, *numbers, *h);
        double *one = (double *)h;
        for (int i = 0; i < hidden * BLOCK; i++) one[i] = tanh(one[i]);
        layer(p + hidden * (inputs + 1), hidden, outputs, ROWS, *h, *z);
        transpose(t, outputs, numbers);
        for (int v = 0; v < VECTORS; v++) {
            vector sum = {0};
            for (int i = 0; i < outputs; i++) sum += (z[i][v] - numbers[i][v]) * (z[i][v] - numbers[i][v]);
            sums += sum;
        }
    }
    return total(sums) / n;
}

void value_64_32_10(const double *p, const double *x, const double *t, int n, double *loss) {
    *loss = squared_error(64, 32, 10, ROWS_OF_32, p, x, t, n);
}

void value_784_50_10(const double *p, const double *x, const double *t, int n, double *loss) {
    *loss = squared_error(784, 50, 10, ROWS, p, x, t, n);
}

/* micrograd's demo: 2-16-16-1 with ReLU, the mean hinge loss of n samples, plus L2. */
enum { UNITS = 16, FIRST = UNITS * 3, SECOND = UNITS * (UNITS + 1), PARAMETERS = FIRST + SECOND + UNITS + 1 };
enum { DEMO_BLOCK = LANES * DEMO_VECTORS, AT_ONCE = 4 };

INLINE double squares(const double *p) {
    vector sums[AT_ONCE] = {{0}};
    int i = 0;
    for (; i + AT_ONCE * LANES <= PARAMETERS; i += AT_ONCE * LANES)
        UNROLL for (int k = 0; k < AT_ONCE; k++) sums[k] += load(p + i + k * LANES) * load(p + i + k * LANES);
    double sum = total((sums[0] + sums[1]) + (sums[2] + sums[3]));
    for (; i < PARAMETERS; i++) sum += p[i] * p[i];
    return sum;
}

void value_demo(const double *p, const double *x, const double *y, int n, double *loss) {
    const double *w2 = p + FIRST, *w3 = p + FIRST + SECOND;
    double last_x[2 * DEMO_BLOCK] = {0}, last_y[DEMO_BLOCK] = {0}; /* lanes without a sample have the label 0 */
    vector hinges = {0};
    for (int s = 0; s < n; s += DEMO_BLOCK, x += 2 * DEMO_BLOCK, y += DEMO_BLOCK) {
        if (s + DEMO_BLOCK > n) {
            x = memcpy(last_x, x, (n - s) * 2 * sizeof *x);
            y = memcpy(last_y, y, (n - s) * sizeof *y);
        }
        vector h1[UNITS][DEMO_VECTORS], score[DEMO_VECTORS] = {{0}};
        UNROLL for (int v = 0; v < DEMO_VECTORS; v++) {
            const vector a = load(x + 2 * v * LANES), b = load(x + (2 * v + 1) * LANES);
            const vector x0 = __builtin_shufflevector(a, b, EVEN), x1 = __builtin_shufflevector(a, b, ODD);
            UNROLL for (int i = 0; i < UNITS; i++)
                h1[i][v] = positive(p[3 * i] * x0 + p[3 * i + 1] * x1 + p[3 * i + 2]);
        }
        for (int r = 0; r < UNITS; r += DEMO_ROWS) {
            vector h2[DEMO_ROWS * DEMO_VECTORS];
            tile(w2 + r * (UNITS + 1), UNITS, DEMO_ROWS, DEMO_VECTORS, *h1, h2);
            UNROLL for (int i = 0; i < DEMO_ROWS; i++)
                UNROLL for (int v = 0; v < DEMO_VECTORS; v++) score[v] += w3[r + i] * positive(h2[i * DEMO_VECTORS + v]);
        }
        UNROLL for (int v = 0; v < DEMO_VECTORS; v++) {
            const vector label = load(y + v * LANES);
            hinges += (vector)((mask)positive(1 - label * (score[v] + w3[UNITS])) & (label != 0));
        }
    }
    *loss = total(hinges) / n + 1e-4 * squares(p);
}
