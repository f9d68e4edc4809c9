#pragma once

namespace gearshift::tests {

/**
 * Whether an emulator runs the instructions of the level, each in the time of ten to a hundred. What differs between CPUs is in the
 * kernels, so every group runs, and each kernel meets every tail and every border of a block. The code around the kernels is the same
 * at every level, and the levels of this machine run it with all sizes: here it gets the least that still has every border.
 */
#if defined(GEARSHIFT_EMULATED)
inline constexpr bool kIsEmulated = true;
#else
inline constexpr bool kIsEmulated = false;
#endif

}  // namespace gearshift::tests
