// Everything that goes into the one fatbin. Each file also stands alone.
#include "kernels/bound.cu"
#include "kernels/narrow.cu"
#include "kernels/scan.cu"
#include "kernels/select.cu"
#include "kernels/spread.cu"
