// How likely a pixel is, given the logit that the decoder makes of it.
#pragma once
#include "gpu.h"

enum Likelihood { GAUSSIAN, SIGMA_GAUSSIAN, BERNOULLI, CONTINUOUS_BERNOULLI };

// The negative log-likelihood of a pixel in nats, and its derivatives by the logit and by what is learned of sigma.
struct PixelLoss {
    float loss, by_logit, by_raw;
};

// What is far below all that it stands with becomes zero before its products are subnormal.
DEVICE float zero_if_tiny(float x) { return fabsf(x) < 0x1p-100f ? 0.f : x; }

struct PixelModel {
    int likelihood;
    float log_sigma = 0, precision = 1, slope = 0;

    // `raw` is the learned number: ln sigma = -6 + ln(1 + e^(raw + 6)), which is bounded softly below.
    DEVICE PixelModel(int likelihood, float raw) : likelihood(likelihood) {
        if (likelihood == SIGMA_GAUSSIAN) {
            float x = raw + 6.f;
            log_sigma = -6.f + fmaxf(x, 0.f) + log1pf(expf(-fabsf(x)));
            precision = expf(-2.f * log_sigma);
            slope = sigmoid(x);
        }
    }

    static DEVICE float sigmoid(float x) {
        float e = expf(-fabsf(x)), r = 1.f / (1.f + e);
        return x < 0.f ? e * r : r;
    }

    // ln(1 + e^x) - t x.
    static DEVICE float cross_entropy(float x, float t) {
        return (x < 0.f ? 0.f : x) - t * x + log1pf(expf(-fabsf(x)));
    }

    DEVICE float mean(float logit) const {
        return likelihood == CONTINUOUS_BERNOULLI ? continuous_mean(logit) : sigmoid(logit);
    }

    static DEVICE float continuous_mean(float x) {
        float a = fabsf(x), by;
        if (a < 1.f) {
            float s = x * x;
            by = 1.f / 47900160.f;
            by = by * s - 1.f / 1209600.f, by = by * s + 1.f / 30240.f, by = by * s - 1.f / 720.f, by = by * s + 1.f / 12.f;
            return 0.5f + by * x;
        }
        // 1 / (1 - e^-a) - 1 / a for the size; the distribution mirrors itself where the logit changes sign.
        float upper = 1.f / -expm1f(-a) - 1.f / a;
        return x < 0.f ? 1.f - upper : upper;
    }

    // ln(a / (1 - e^-a)) with a = |x|.
    static DEVICE float log_ratio(float x) {
        float a = fabsf(x);
        if (a < 1.f) {
            float s = a * a;
            float by = 1.f / 479001600.f;
            by = by * s - 1.f / 9676800.f, by = by * s + 1.f / 181440.f, by = by * s - 1.f / 2880.f, by = by * s + 1.f / 24.f;
            return 0.5f * a - by * s;
        }
        return logf(a / -expm1f(-a));
    }

    DEVICE PixelLoss loss(float logit, float x) const {
        float s = sigmoid(logit), error = s - x;
        if (likelihood == BERNOULLI) return {cross_entropy(logit, x), error, 0.f};
        if (likelihood == CONTINUOUS_BERNOULLI) {
            // The constant stops growing at a logit of 16.
            float bounded = logit < -16.f ? -16.f : logit > 16.f ? 16.f : logit;
            float mean = bounded == logit ? continuous_mean(logit) : s;
            float linear = (logit < 0.f ? 0.f : logit) - x * logit;
            // Within the bound ln(1 + e^-|x|) is part of the ratio's logarithm; beyond, it is nothing.
            return {linear - log_ratio(bounded), logit != logit ? logit : mean - x, 0.f};
        }
        float by_logit = zero_if_tiny(error * s * (1.f - s));
        if (likelihood == GAUSSIAN) return {0.5f * error * error, by_logit, 0.f};
        float scaled = error * error * precision;
        return {0.5f * scaled + log_sigma + 0.918938533f, zero_if_tiny(by_logit * precision), (1.f - scaled) * slope};
    }
};
