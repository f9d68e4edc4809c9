#pragma once

/** What the kernels and the code that launches them agree on. Included by both compilers. */
namespace gearshift::cuda {

constexpr unsigned kWarp = 32;
/** Rows of a resident matrix begin on 16 bytes, so that a lane reads four elements at once. */
constexpr unsigned kRowAlignmentFloats = 4;

/** Scans: a warp scores so many rows at a time, which keeps enough reads in flight. */
constexpr unsigned kScanWarps = 4;
constexpr unsigned kRowsPerWarp = 4;
constexpr unsigned kScanThreads = kScanWarps * kWarp;
constexpr unsigned kRowsPerScanBlock = kScanWarps * kRowsPerWarp;
/** Queries that share one reading of the rows. */
constexpr unsigned kQueryGroup = 8;

/** Bounds: rows that a block works on, the words of each vector that a step takes, and the queries of the two sizes. */
constexpr unsigned kBoundRows = 128;
constexpr unsigned kBoundStepWords = 16;
constexpr unsigned kBoundQueriesNarrow = 16;
constexpr unsigned kBoundQueriesWide = 64;
/** And from int8: lanes that share a row, so that one of 768 bytes takes three whole steps. */
constexpr unsigned kInt8Lanes = 16;
constexpr unsigned kBoundRowsInt8 = 32;

/** Selection: keys a block holds, and the most that a k may be for it. */
constexpr unsigned kSelectThreads = 256;
constexpr unsigned kSelectCapacity = 1024;
constexpr unsigned kSelectMostK = 256;
/** Blocks that share one list of scores; each hands k keys on. */
constexpr unsigned kMostSelectBlocks = 64;

/** Radix selection for larger k: bits a pass decides. */
constexpr unsigned kDigitBits = 8;
constexpr unsigned kDigits = 1u << kDigitBits;
constexpr unsigned kDigitThreads = 256;

/** Spreading: rows of more edges than this get a block of their own. */
constexpr unsigned kLongRowEdges = 2048;
constexpr unsigned kSpreadThreads = 128;
/** Rows that are short on average share a warp, so many lanes each. */
constexpr unsigned kShortRowLanes = 4;
constexpr unsigned kShortRowMeanEdges = 12;

/** The codes of a Metric. */
constexpr unsigned kCosine = 0;
constexpr unsigned kDot = 1;
constexpr unsigned kEuclidean = 2;

}  // namespace gearshift::cuda
