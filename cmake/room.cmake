# room(NAME [DEPENDS rooms...] [LIBRARIES packages...])
#   Makes a static library of the sources in the calling folder. DEPENDS are the rooms below it, LIBRARIES the packages of
#   Debian. Headers are included by room: #include "kube/store.h".
function(room name)
  cmake_parse_arguments(ROOM "" "" "DEPENDS;LIBRARIES" ${ARGN})
  file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/*.cpp)
  if(NOT sources)
    add_library(${name} INTERFACE)
    target_link_libraries(${name} INTERFACE project_options ${ROOM_DEPENDS} ${ROOM_LIBRARIES})
    return()
  endif()
  add_library(${name} STATIC ${sources})
  target_link_libraries(${name} PUBLIC project_options ${ROOM_DEPENDS} ${ROOM_LIBRARIES})
endfunction()
