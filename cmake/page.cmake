# uPlot, the library that the page's charts are drawn with: by name and exact version from
# the registry that npm is set up for, into the build folder, while the program is built. Its
# bytes are held to a digest. Without npm, or without a network, both files are empty, the
# build says so, and the page shows its trends as drawings that need no script.
#
# This file is two things: included by CMakeLists.txt, where it appends what it makes to
# page_files, and run by the build (cmake -P).
if(NOT CMAKE_SCRIPT_MODE_FILE)
    find_program(ISOSTASY_NPM npm DOC "Fetches uPlot; without it the page has no charts")
    set(uplot ${PROJECT_BINARY_DIR}/uplot)
    add_custom_command(
        OUTPUT ${uplot}/uplot.js ${uplot}/uplot.css VERBATIM
        COMMAND ${CMAKE_COMMAND} -DNPM=${ISOSTASY_NPM} -DFOLDER=${uplot}
                -P ${PROJECT_SOURCE_DIR}/cmake/page.cmake
        DEPENDS ${PROJECT_SOURCE_DIR}/cmake/page.cmake
        COMMENT "uPlot, for the monitor's charts")
    list(APPEND page_files ${uplot}/uplot.js ${uplot}/uplot.css)
    return()
endif()

set(VERSION 1.6.32)
string(CONCAT SHA512
    2883159c6ebccefbb95d751b0b82d010f9e1c0ec41b8bc96d401eda66e882935
    c89a46cb824332fa369b8cb8122cc6ac36e186cd09bf7a9ded3a4c93c6989023)
set(PACKED ${FOLDER}/uplot-${VERSION}.tgz)

# Both files empty, which the program takes for "no charts".
function(page_is_plain why)
    message(STATUS "monitor: the page is built without charts: ${why}. "
                   "To try again, remove ${FOLDER} and build")
    file(WRITE ${FOLDER}/uplot.js "")
    file(WRITE ${FOLDER}/uplot.css "")
endfunction()

function(page_fetch)
    if(NOT NPM)
        page_is_plain("npm is not installed")
        return()
    endif()
    file(MAKE_DIRECTORY ${FOLDER})
    execute_process(
        COMMAND ${NPM} pack uplot@${VERSION} --silent --pack-destination ${FOLDER}
                --cache ${FOLDER}/npm --fetch-retries 1 --fetch-timeout 20000
        WORKING_DIRECTORY ${FOLDER} TIMEOUT 90
        RESULT_VARIABLE failed OUTPUT_QUIET ERROR_VARIABLE words)
    if(failed OR NOT EXISTS ${PACKED})
        string(REGEX REPLACE "[\r\n]+" " " words "${words}")
        page_is_plain("npm cannot fetch uplot ${VERSION} (${words})")
        return()
    endif()
    file(SHA512 ${PACKED} digest)
    if(NOT digest STREQUAL SHA512)
        message(FATAL_ERROR "monitor: ${PACKED} is not uPlot ${VERSION} as it was "
                            "published: its SHA-512 is ${digest}. Remove it; if it comes "
                            "again, somebody changed it on its way")
    endif()
    file(ARCHIVE_EXTRACT INPUT ${PACKED} DESTINATION ${FOLDER})
    # Its licence goes where it goes.
    file(READ ${FOLDER}/package/LICENSE licence)
    file(READ ${FOLDER}/package/dist/uPlot.iife.min.js script)
    file(READ ${FOLDER}/package/dist/uPlot.min.css style)
    file(WRITE ${FOLDER}/uplot.js "/*! uPlot ${VERSION}\n${licence}*/\n${script}")
    file(WRITE ${FOLDER}/uplot.css "/*! uPlot ${VERSION}, MIT */\n${style}")
endfunction()
page_fetch()
