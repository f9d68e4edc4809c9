# gearshift_refuse_throwing_new(TARGET LIBRARY...): the build of TARGET fails when an object of it or of the static LIBRARYs
# refers to `operator new` in the form that throws. Without exceptions that form ends the process when memory runs out, and
# standard containers use it without showing it: std::nothrow and the kit's OwnedArray, HandleTable and Ref are for addons.

if(DEFINED GEARSHIFT_OBJECTS)  # run by the build, as a script
  foreach(object IN LISTS GEARSHIFT_OBJECTS)
    execute_process(COMMAND ${GEARSHIFT_NM} --undefined-only ${object} OUTPUT_VARIABLE symbols RESULT_VARIABLE result)
    if(NOT result EQUAL 0)
      message(FATAL_ERROR "${GEARSHIFT_NM} could not read ${object}")
    endif()
    if(symbols MATCHES "U _Zn[wa][jm](\n|$)" OR symbols MATCHES "U _Zn[wa][jm]St11align_val_t(\n|$)")
      message(FATAL_ERROR "${object} allocates with an operator new that throws: use std::nothrow, or a container of native/kit")
    endif()
  endforeach()
  return()
endif()

# The function is called from other folders, which do not see variables of this one.
set(GEARSHIFT_REFUSE_THROWING_NEW ${CMAKE_CURRENT_LIST_FILE} CACHE INTERNAL "")

function(gearshift_refuse_throwing_new target)
  if(NOT CMAKE_SYSTEM_NAME STREQUAL "Linux" OR NOT CMAKE_NM)
    return()
  endif()
  set(objects "$<TARGET_OBJECTS:${target}>")
  foreach(library IN LISTS ARGN)
    string(APPEND objects ";$<TARGET_OBJECTS:${library}>")
  endforeach()
  add_custom_command(TARGET ${target} POST_BUILD VERBATIM
    COMMAND ${CMAKE_COMMAND} "-DGEARSHIFT_NM=${CMAKE_NM}" "-DGEARSHIFT_OBJECTS=${objects}"
            -P ${GEARSHIFT_REFUSE_THROWING_NEW})
endfunction()
