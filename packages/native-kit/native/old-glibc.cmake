# gearshift_link_for_old_glibc(TARGET): links an addon so that it loads on every Linux with glibc 2.17 or later, whatever is
# installed where it is built. Two things tie a binary to the glibc of its build machine:
#
# * The linker takes the newest version of each symbol. So the addon is linked to a stub, a libc.so.6 that has nothing but the
#   functions of glibc-symbols.txt, in versions that all supported systems have. A function that is missing there stays without
#   a version, and the test of the addon's symbols (tests/old-systems.test.ts of the backends) names it.
# * The C++ library and the unwinder, also when they are linked statically, call whatever glibc had when they were built. So
#   neither is linked: runtime/runtime.cc has the few functions that addons without exceptions need.
#
# On musl, and on processors without a list, the C++ library is linked statically: the addon must not need a newer one than the
# machine has.

set(GEARSHIFT_OLD_GLIBC_DIR ${CMAKE_CURRENT_LIST_DIR} CACHE INTERNAL "")

function(gearshift_link_for_old_glibc target)
  if(NOT CMAKE_SYSTEM_NAME STREQUAL "Linux")
    return()
  endif()
  target_link_options(${target} PRIVATE -Wl,--exclude-libs,ALL -Wl,--gc-sections)
  include(CheckCXXSymbolExists)
  check_cxx_symbol_exists(__GLIBC__ "features.h" GEARSHIFT_IS_GLIBC)
  if(NOT GEARSHIFT_IS_GLIBC OR NOT CMAKE_SYSTEM_PROCESSOR MATCHES "^(x86_64|AMD64|amd64|aarch64|arm64)$")
    target_link_options(${target} PRIVATE -static-libstdc++ -static-libgcc)
    return()
  endif()
  if(NOT TARGET gearshift_runtime)
    add_library(gearshift_runtime STATIC ${GEARSHIFT_OLD_GLIBC_DIR}/runtime/runtime.cc)
    target_compile_options(gearshift_runtime PRIVATE -Wall -Wextra -fno-exceptions -fno-rtti)
    gearshift_add_glibc_stub()
  endif()
  # CMake's own packages may name the real libraries too, but nothing is left for them.
  target_link_options(${target} PRIVATE -nostdlib -Wl,--as-needed)
  target_link_libraries(${target} PRIVATE gearshift_runtime gearshift_glibc gcc)
  set_target_properties(${target} PROPERTIES SKIP_BUILD_RPATH ON)
endfunction()

function(gearshift_add_glibc_stub)
  set(list ${GEARSHIFT_OLD_GLIBC_DIR}/glibc-symbols.txt)
  set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${list})
  file(STRINGS ${list} lines REGEX "^[0-9]")
  set(all_names "")
  set(map "")
  foreach(line IN LISTS lines)
    string(REPLACE " " ";" names "${line}")
    list(POP_FRONT names version)
    list(APPEND all_names ${names})
    string(APPEND map "GLIBC_${version} { global: ${names}; };\n")
  endforeach()
  if(NOT CMAKE_SYSTEM_PROCESSOR MATCHES "^(x86_64|AMD64|amd64)$")
    # The first glibc for 64-bit Arm, where every older symbol has this version.
    set(map "GLIBC_2.17 { global: ${all_names}; };\n")
  endif()
  list(TRANSFORM all_names REPLACE "(.+)" "extern \"C\" void \\1() {}" OUTPUT_VARIABLE definitions)
  string(REPLACE ";" "\n" source "${definitions}")

  set(folder ${CMAKE_CURRENT_BINARY_DIR}/glibc-stub)
  file(WRITE ${folder}/stub.cc "${source}\n")
  file(WRITE ${folder}/stub.map "${map}GEARSHIFT_OTHERS { local: *; };\n")
  add_library(gearshift_glibc SHARED ${folder}/stub.cc)
  set_target_properties(gearshift_glibc PROPERTIES NO_SONAME ON CXX_VISIBILITY_PRESET default
    LIBRARY_OUTPUT_DIRECTORY ${folder} LINK_DEPENDS ${folder}/stub.map)
  target_compile_options(gearshift_glibc PRIVATE -w -fno-builtin)
  target_link_options(gearshift_glibc PRIVATE -nostdlib -Wl,-soname,libc.so.6 -Wl,--version-script=${folder}/stub.map)
endfunction()
