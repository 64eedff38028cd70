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
