# A room is a folder of C files and one static library, iso_NAME. A file that is added is
# found by itself; who may see whom is written in CMakeLists.txt.

# Every .c of a room but those of WITHOUT, which other targets have.
function(iso_files out room)
    file(GLOB files CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/${room}/*.c)
    foreach(without ${ARGN})
        list(REMOVE_ITEM files ${PROJECT_SOURCE_DIR}/${room}/${without})
    endforeach()
    set(${out} "${files}" PARENT_SCOPE)
endfunction()

function(iso_room name)
    cmake_parse_arguments(ROOM "" "" "SEES;LIBRARIES;WITHOUT" ${ARGN})
    iso_files(files ${name} ${ROOM_WITHOUT})
    iso_library(${name} "${files}" "${ROOM_SEES}" "${ROOM_LIBRARIES}")
endfunction()

# Files of a room that are a target of their own, so that not everybody inherits what they
# need: iso_part(NAME files… SEES … LIBRARIES …).
function(iso_part name)
    cmake_parse_arguments(PART "" "" "SEES;LIBRARIES" ${ARGN})
    list(TRANSFORM PART_UNPARSED_ARGUMENTS PREPEND ${PROJECT_SOURCE_DIR}/)
    iso_library(${name} "${PART_UNPARSED_ARGUMENTS}" "${PART_SEES}" "${PART_LIBRARIES}")
endfunction()

function(iso_library name files sees libraries)
    if(NOT files)
        return()
    endif()
    add_library(iso_${name} STATIC ${files})
    # Which names leave a shared library is said by its map (cmake/exports), and by that
    # alone: a name that was hidden when it was compiled could not be let out any more.
    set_target_properties(iso_${name} PROPERTIES C_VISIBILITY_PRESET default)
    target_compile_options(iso_${name} PRIVATE -fno-semantic-interposition)
    target_include_directories(iso_${name} PUBLIC ${PROJECT_SOURCE_DIR})
    foreach(seen ${sees})
        target_link_libraries(iso_${name} PUBLIC iso_${seen})
    endforeach()
    target_link_libraries(iso_${name} PRIVATE ${libraries})
endfunction()

function(iso_program name)
    cmake_parse_arguments(PROGRAM "" "ROOM" "FILES;SEES;WITHOUT" ${ARGN})
    if(NOT PROGRAM_FILES)
        iso_files(PROGRAM_FILES ${PROGRAM_ROOM} ${PROGRAM_WITHOUT})
    endif()
    foreach(file ${PROGRAM_FILES})
        if(NOT EXISTS ${PROJECT_SOURCE_DIR}/${file} AND NOT EXISTS ${file})
            return()
        endif()
    endforeach()
    if(NOT PROGRAM_FILES)
        return()
    endif()
    add_executable(${name} ${PROGRAM_FILES})
    foreach(seen ${PROGRAM_SEES})
        target_link_libraries(${name} PRIVATE iso_${seen})
    endforeach()
endfunction()
