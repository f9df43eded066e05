// All kernels.
#include "gather.cu"
#include "resident.cu"
#include "weight_gradient.cu"
#include "narrow.cu"
#include "logits.cu"
#include "latent.cu"
#include "update.cu"
#include "muon.cu"
