# Runs at each build: writes the version to OUT, if it has changed. BUILT is "VERSION COMMIT DATE"; if empty, it runs
# config/release/version.sh.
if(NOT BUILT)
  execute_process(COMMAND ${SOURCE}/config/release/version.sh
    OUTPUT_VARIABLE BUILT OUTPUT_STRIP_TRAILING_WHITESPACE COMMAND_ERROR_IS_FATAL ANY)
endif()
if(NOT BUILT MATCHES "^([^ ]+) ([^ ]+) ([^ ]+)$")
  message(FATAL_ERROR "BUILT is \"${BUILT}\" in place of \"VERSION COMMIT DATE\"")
endif()
set(version ${CMAKE_MATCH_1})
set(commit ${CMAKE_MATCH_2})
set(date ${CMAKE_MATCH_3})
configure_file(${SOURCE}/cmd/built.cpp.in ${OUT} @ONLY)
