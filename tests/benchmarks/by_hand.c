/* Hand-written C that the compiled functions are compared with.
 *
 * The network is micrograd's demo: 2-16-16-1 with ReLU, hinge loss plus L2, value and all gradients over a batch. The
 * 337 parameters are in micrograd's order, neuron by neuron, a neuron's bias after its weights. So a layer is a matrix
 * with the biases as its last column.
 */

#include <math.h>
#include <string.h>

enum { INPUTS = 2, UNITS = 16, FIRST = UNITS * (INPUTS + 1), SECOND = UNITS * (UNITS + 1), LAST = UNITS + 1 };
enum { PARAMETERS = FIRST + SECOND + LAST };

#define L2 1e-4

/* Finish all versions: the mean over the batch, and the L2 term. Returns the loss. */
static double finish(const double *p, double hinge, int n, double *gradient) {
    double squares = 0.0;
    for (int i = 0; i < PARAMETERS; i++) {
        squares += p[i] * p[i];
        gradient[i] = gradient[i] / n + 2 * L2 * p[i];
    }
    return hinge / n + L2 * squares;
}

/* Straightforward: sample by sample, loops as the formulas read. */
double demo_plain(const double *p, const double *x, const double *y, int n, double *gradient) {
    const double (*w1)[INPUTS + 1] = (const void *)p;
    const double (*w2)[UNITS + 1] = (const void *)(p + FIRST);
    const double *w3 = p + FIRST + SECOND;
    double (*g1)[INPUTS + 1] = (void *)gradient;
    double (*g2)[UNITS + 1] = (void *)(gradient + FIRST);
    double *g3 = gradient + FIRST + SECOND;
    double h1[UNITS], h2[UNITS], d1[UNITS], d2[UNITS], hinge = 0.0;

    memset(gradient, 0, PARAMETERS * sizeof *gradient);
    for (int s = 0; s < n; s++, x += INPUTS) {
        for (int i = 0; i < UNITS; i++) {
            double net = w1[i][INPUTS];
            for (int j = 0; j < INPUTS; j++) net += w1[i][j] * x[j];
            h1[i] = net > 0 ? net : 0;
        }
        for (int i = 0; i < UNITS; i++) {
            double net = w2[i][UNITS];
            for (int j = 0; j < UNITS; j++) net += w2[i][j] * h1[j];
            h2[i] = net > 0 ? net : 0;
        }
        double score = w3[UNITS];
        for (int j = 0; j < UNITS; j++) score += w3[j] * h2[j];

        double margin = 1 - y[s] * score;
        if (margin <= 0) continue; /* the hinge is flat here: no loss, no gradient */
        hinge += margin;

        double d3 = -y[s];
        g3[UNITS] += d3;
        for (int j = 0; j < UNITS; j++) {
            g3[j] += d3 * h2[j];
            d2[j] = h2[j] > 0 ? d3 * w3[j] : 0;
        }
        memset(d1, 0, sizeof d1);
        for (int i = 0; i < UNITS; i++) {
            g2[i][UNITS] += d2[i];
            for (int j = 0; j < UNITS; j++) {
                g2[i][j] += d2[i] * h1[j];
                d1[j] += d2[i] * w2[i][j];
            }
        }
        for (int i = 0; i < UNITS; i++) {
            double d = h1[i] > 0 ? d1[i] : 0;
            g1[i][INPUTS] += d;
            for (int j = 0; j < INPUTS; j++) g1[i][j] += d * x[j];
        }
    }
    return finish(p, hinge, n, gradient);
}

/* Expert code: inactive ReLUs cost nothing, and every inner loop runs along contiguous memory.
 *
 * A transposed copy of the second layer lets an active unit of the first layer add its column to all sums of the
 * second; the gradient is gathered by rows, one for each active unit of the second.
 */
double demo_skipping(const double *p, const double *x, const double *y, int n, double *gradient) {
    const double *w2 = p + FIRST, *w3 = p + FIRST + SECOND;
    double *g2 = gradient + FIRST, *g3 = gradient + FIRST + SECOND;
    double w1t[INPUTS + 1][UNITS], w2t[UNITS + 1][UNITS], g1t[INPUTS + 1][UNITS] = {{0}};
    double h1[UNITS + 1], h2[UNITS], d1[UNITS], hinge = 0.0;
    int active1[UNITS], active2[UNITS];

    for (int i = 0; i < UNITS; i++) {
        for (int j = 0; j <= INPUTS; j++) w1t[j][i] = p[i * (INPUTS + 1) + j];
        for (int j = 0; j <= UNITS; j++) w2t[j][i] = w2[i * (UNITS + 1) + j];
    }
    h1[UNITS] = 1; /* the input of the bias */
    memset(gradient, 0, PARAMETERS * sizeof *gradient);
    for (int s = 0; s < n; s++, x += INPUTS) {
        int count1 = 0, count2 = 0;
        for (int i = 0; i < UNITS; i++) h1[i] = w1t[INPUTS][i] + w1t[0][i] * x[0] + w1t[1][i] * x[1];
        for (int i = 0; i < UNITS; i++) {
            active1[count1] = i;
            count1 += h1[i] > 0;
            h1[i] = h1[i] > 0 ? h1[i] : 0;
        }
        memcpy(h2, w2t[UNITS], sizeof h2);
        for (int k = 0; k < count1; k++) {
            const double h = h1[active1[k]], *column = w2t[active1[k]];
            for (int i = 0; i < UNITS; i++) h2[i] += h * column[i];
        }
        double score = w3[UNITS];
        for (int i = 0; i < UNITS; i++) {
            active2[count2] = i;
            count2 += h2[i] > 0;
        }
        for (int k = 0; k < count2; k++) score += w3[active2[k]] * h2[active2[k]];

        double margin = 1 - y[s] * score;
        if (margin <= 0) continue;
        hinge += margin;

        double d3 = -y[s];
        g3[UNITS] += d3;
        memset(d1, 0, sizeof d1);
        for (int k = 0; k < count2; k++) {
            const int i = active2[k];
            const double d = d3 * w3[i], *row = w2 + i * (UNITS + 1);
            double *g = g2 + i * (UNITS + 1);
            g3[i] += d3 * h2[i];
            for (int j = 0; j < UNITS; j++) g[j] += d * h1[j];
            g[UNITS] += d;
            for (int j = 0; j < UNITS; j++) d1[j] += d * row[j];
        }
        for (int i = 0; i < UNITS; i++) {
            double d = h1[i] > 0 ? d1[i] : 0;
            g1t[INPUTS][i] += d;
            g1t[0][i] += d * x[0];
            g1t[1][i] += d * x[1];
        }
    }
    for (int i = 0; i < UNITS; i++)
        for (int j = 0; j <= INPUTS; j++) gradient[i * (INPUTS + 1) + j] = g1t[j][i];
    return finish(p, hinge, n, gradient);
}

/* Eight samples at a time, one in each lane of a vector (an extension of gcc and clang). Sums are kept per lane until
 * the end. Lanes without a sample have the label 0 and do not contribute to the loss.
 */
enum { LANES = 8 };
typedef double vector __attribute__((vector_size(LANES * sizeof(double))));
typedef long mask __attribute__((vector_size(LANES * sizeof(long))));

#define WHERE_POSITIVE(condition, value) ((vector)((mask)(value) & ((condition) > 0)))

double demo_vectors(const double *p, const double *x, const double *y, int n, double *gradient) {
    const double (*w1)[INPUTS + 1] = (const void *)p;
    const double (*w2)[UNITS + 1] = (const void *)(p + FIRST);
    const double *w3 = p + FIRST + SECOND;
    vector sums[PARAMETERS] = {{0}}, hinges = {0};
    vector (*g1)[INPUTS + 1] = (void *)sums;
    vector (*g2)[UNITS + 1] = (void *)(sums + FIRST);
    vector *g3 = sums + FIRST + SECOND;

    for (int s = 0; s < n; s += LANES) {
        vector x0 = {0}, x1 = {0}, label = {0}, h1[UNITS], h2[UNITS], d1[UNITS] = {{0}};
        for (int lane = 0; lane < LANES && s + lane < n; lane++) {
            x0[lane] = x[INPUTS * (s + lane)];
            x1[lane] = x[INPUTS * (s + lane) + 1];
            label[lane] = y[s + lane];
        }
        for (int i = 0; i < UNITS; i++) {
            vector net = w1[i][0] * x0 + w1[i][1] * x1 + w1[i][2];
            h1[i] = WHERE_POSITIVE(net, net);
        }
        vector score = w3[UNITS] + (vector){0};
        for (int i = 0; i < UNITS; i++) {
            vector net = w2[i][UNITS] + (vector){0};
            for (int j = 0; j < UNITS; j++) net += w2[i][j] * h1[j];
            h2[i] = WHERE_POSITIVE(net, net);
            score += w3[i] * h2[i];
        }
        vector margin = WHERE_POSITIVE(label * label, 1 - label * score);
        margin = WHERE_POSITIVE(margin, margin);
        hinges += margin;

        vector d3 = WHERE_POSITIVE(margin, -label);
        g3[UNITS] += d3;
        for (int i = 0; i < UNITS; i++) {
            vector d2 = WHERE_POSITIVE(h2[i], d3 * w3[i]);
            g3[i] += d3 * h2[i];
            g2[i][UNITS] += d2;
            for (int j = 0; j < UNITS; j++) {
                g2[i][j] += d2 * h1[j];
                d1[j] += d2 * w2[i][j];
            }
        }
        for (int i = 0; i < UNITS; i++) {
            vector d = WHERE_POSITIVE(h1[i], d1[i]);
            g1[i][0] += d * x0;
            g1[i][1] += d * x1;
            g1[i][2] += d;
        }
    }
    double hinge = 0.0;
    for (int lane = 0; lane < LANES; lane++) hinge += hinges[lane];
    for (int i = 0; i < PARAMETERS; i++) {
        gradient[i] = 0.0;
        for (int lane = 0; lane < LANES; lane++) gradient[i] += sums[i][lane];
    }
    return finish(p, hinge, n, gradient);
}

/* The same lanes, with as many sums as possible in registers: those of a layer's 16 neurons, then, once the deltas of all
 * samples are known, those of 4 x 4 weights over the batch. The loops over a tile are unrolled; that over what is added
 * is not, which was slower.
 */
enum { AT_ONCE = 8, TILE = 4 }; /* vectors of samples in a chunk, whose 32 KB fit in the cache; rows, and columns */
typedef double anywhere __attribute__((vector_size(LANES * sizeof(double)), aligned(sizeof(double))));
typedef vector columns[UNITS][AT_ONCE];

#define UNROLL _Pragma("GCC unroll 16")

static inline vector load(const double *x) { return *(const anywhere *)x; }

/* Return the totals of eight vectors: their halves are added, then the halves of these, and once more. */
static inline vector totals(const vector *sums) {
    vector a[4], b[2];
    UNROLL for (int i = 0; i < 4; i++)
        a[i] = __builtin_shufflevector(sums[i], sums[i + 4], 0, 1, 2, 3, 8, 9, 10, 11) +
               __builtin_shufflevector(sums[i], sums[i + 4], 4, 5, 6, 7, 12, 13, 14, 15);
    UNROLL for (int i = 0; i < 2; i++)
        b[i] = __builtin_shufflevector(a[i], a[i + 2], 0, 1, 8, 9, 4, 5, 12, 13) +
               __builtin_shufflevector(a[i], a[i + 2], 2, 3, 10, 11, 6, 7, 14, 15);
    return __builtin_shufflevector(b[0], b[1], 0, 8, 2, 10, 4, 12, 6, 14) +
           __builtin_shufflevector(b[0], b[1], 1, 9, 3, 11, 5, 13, 7, 15);
}

/* Add the products of eight units' numbers with one number, over the samples; 1 if there is none. */
static inline void add_products(const vector (*units)[AT_ONCE], const vector *other, int count, double *to, int step) {
    vector sums[8] = {{0}};
    for (int b = 0; b < count; b++)
        UNROLL for (int k = 0; k < 8; k++) sums[k] += other ? units[k][b] * other[b] : units[k][b];
    const vector total = totals(sums);
    UNROLL for (int k = 0; k < 8; k++) to[k * step] += total[k];
}

double demo_tiles(const double *p, const double *x, const double *y, int n, double *gradient) {
    const double *w2 = p + FIRST, *w3 = p + FIRST + SECOND;
    double *g2 = gradient + FIRST, *g3 = gradient + FIRST + SECOND, hinge = 0;
    double last_x[INPUTS * LANES] = {0}, last_y[LANES] = {0};
    columns h1, h2, d1, d2;
    vector x0[AT_ONCE], x1[AT_ONCE], d3[AT_ONCE], hinges = {0}, deltas = {0};

    memset(gradient, 0, PARAMETERS * sizeof *gradient);
    for (int s = 0; s < n;) {
        int count = 0;
        for (; s < n && count < AT_ONCE; s += LANES, x += INPUTS * LANES, y += LANES, count++) {
            if (s + LANES > n) {
                x = memcpy(last_x, x, (n - s) * INPUTS * sizeof *x);
                y = memcpy(last_y, y, (n - s) * sizeof *y);
            }
            const int b = count;
            const vector low = load(x), high = load(x + LANES), label = load(y);
            x0[b] = __builtin_shufflevector(low, high, 0, 2, 4, 6, 8, 10, 12, 14);
            x1[b] = __builtin_shufflevector(low, high, 1, 3, 5, 7, 9, 11, 13, 15);
            UNROLL for (int i = 0; i < UNITS; i++) {
                const double *w = p + (INPUTS + 1) * i;
                const vector net = w[0] * x0[b] + w[1] * x1[b] + w[2];
                h1[i][b] = WHERE_POSITIVE(net, net);
            }
            vector sums[UNITS], score = {0};
            UNROLL for (int i = 0; i < UNITS; i++) sums[i] = w2[(UNITS + 1) * i] * h1[0][b];
            for (int j = 1; j < UNITS; j++)
                UNROLL for (int i = 0; i < UNITS; i++) sums[i] += w2[(UNITS + 1) * i + j] * h1[j][b];
            UNROLL for (int i = 0; i < UNITS; i++) {
                sums[i] += w2[(UNITS + 1) * i + UNITS];
                h2[i][b] = WHERE_POSITIVE(sums[i], sums[i]);
                score += w3[i] * h2[i][b];
            }
            vector margin = WHERE_POSITIVE(label * label, 1 - label * (score + w3[UNITS]));
            margin = WHERE_POSITIVE(margin, margin);
            hinges += margin;

            d3[b] = WHERE_POSITIVE(margin, -label);
            deltas += d3[b];
            UNROLL for (int i = 0; i < UNITS; i++) d2[i][b] = WHERE_POSITIVE(h2[i][b], d3[b] * w3[i]);
            UNROLL for (int j = 0; j < UNITS; j++) sums[j] = d2[0][b] * w2[j];
            for (int i = 1; i < UNITS; i++)
                UNROLL for (int j = 0; j < UNITS; j++) sums[j] += d2[i][b] * w2[(UNITS + 1) * i + j];
            UNROLL for (int j = 0; j < UNITS; j++) d1[j][b] = WHERE_POSITIVE(h1[j][b], sums[j]);
        }
        for (int i = 0; i < UNITS; i += TILE)
            for (int j = 0; j < UNITS; j += TILE) {
                vector sums[TILE * TILE] = {{0}}, some[2];
                for (int b = 0; b < count; b++)
                    UNROLL for (int k = 0; k < TILE * TILE; k++) sums[k] += d2[i + k / TILE][b] * h1[j + k % TILE][b];
                UNROLL for (int half = 0; half < 2; half++) some[half] = totals(sums + LANES * half);
                UNROLL for (int k = 0; k < TILE * TILE; k++)
                    g2[(UNITS + 1) * (i + k / TILE) + j + k % TILE] += some[k / LANES][k % LANES];
            }
        for (int i = 0; i < UNITS; i += 8) {
            add_products(d1 + i, x0, count, gradient + (INPUTS + 1) * i, INPUTS + 1);
            add_products(d1 + i, x1, count, gradient + (INPUTS + 1) * i + 1, INPUTS + 1);
            add_products(d1 + i, NULL, count, gradient + (INPUTS + 1) * i + 2, INPUTS + 1);
            add_products(d2 + i, NULL, count, g2 + (UNITS + 1) * i + UNITS, UNITS + 1);
            add_products(h2 + i, d3, count, g3 + i, 1);
        }
    }
    for (int lane = 0; lane < LANES; lane++) {
        hinge += hinges[lane];
        g3[UNITS] += deltas[lane];
    }
    return finish(p, hinge, n, gradient);
}

/* The second article's program: train one neuron with a learning rate of 0.01. `state` is the weight and the bias. */
void train_neuron(int iterations, double *state, double input, double target) {
    double weight = state[0], bias = state[1];
    for (int i = 0; i < iterations; i++) {
        double output = tanh(weight * input + bias);
        double slope = (output - target) * (1 - output * output);
        weight -= 0.01 * (slope * input);
        bias -= 0.01 * slope;
    }
    state[0] = weight;
    state[1] = bias;
}
