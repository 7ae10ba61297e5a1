# Files that stand in a program, put there by the assembler: iso_assets(NAME files…) makes
# the library iso_NAME of them, with the table that monitor/assets.h speaks of. A file may
# be one that the build makes itself.
#
# This file is two things: included by CMakeLists.txt, and run by the build (cmake -P) to
# write the table, since the etag of a file is known only when the file is there.
function(iso_assets name)
    set(table ${PROJECT_BINARY_DIR}/${name}.c)
    set(script ${PROJECT_SOURCE_DIR}/cmake/assets.cmake)
    string(REPLACE ";" "|" files "${ARGN}") # a list would not survive the command line
    add_custom_command(OUTPUT ${table} DEPENDS ${script} ${ARGN} VERBATIM
        COMMAND ${CMAKE_COMMAND} "-DFILES=${files}" "-DTABLE=${table}" -P ${script})
    iso_library(${name} ${table} base "")
    set_source_files_properties(${table} PROPERTIES OBJECT_DEPENDS "${ARGN}")
endfunction()

function(assets_type out file)
    set(type_css "text/css; charset=utf-8")
    set(type_js "text/javascript; charset=utf-8")
    set(type_json "application/json; charset=utf-8")
    set(type_png image/png)
    set(type_svg image/svg+xml)
    set(type_txt "text/plain; charset=utf-8")
    string(REGEX REPLACE "^.*\\." "" extension ${file})
    if(NOT DEFINED type_${extension})
        message(FATAL_ERROR "${file}: say what .${extension} is in cmake/assets.cmake")
    endif()
    set(${out} "${type_${extension}}" PARENT_SCOPE)
endfunction()

function(assets_write table)
    set(rows)
    foreach(file ${ARGN})
        get_filename_component(name ${file} NAME)
        list(APPEND rows "${name}|${file}")
    endforeach()
    list(SORT rows)
    set(embedded "")
    set(lines "")
    set(n 0)
    foreach(row ${rows})
        string(REPLACE "|" ";" row "${row}")
        list(GET row 0 name)
        list(GET row 1 file)
        assets_type(type ${file})
        file(SHA256 ${file} digest)
        string(SUBSTRING ${digest} 0 16 digest)
        file(SIZE ${file} size)
        string(APPEND embedded "ASSET_EMBED(${n}, \"${file}\");\n")
        string(APPEND lines "    {\"${name}\", {asset_${n}, ${size}}, \"${type}\",\n"
                            "     \"\\\"${digest}\\\"\"},\n")
        math(EXPR n "${n} + 1")
    endforeach()
    file(WRITE ${table} "/* Written by cmake/assets.cmake. */
#include \"monitor/assets.h\"

#define ASSET_EMBED(n, file)                                                       \\
    __asm__(\".pushsection .rodata\\nasset_\" #n \":\\n.incbin \\\"\" file \"\\\"\\n\"      \\
            \".byte 0\\n.popsection\\n\");                                            \\
    extern const uint8_t asset_##n[] __attribute__((visibility(\"hidden\")))

${embedded}
static const struct iso_asset asset_rows[] = {
${lines}};
enum { ASSET_ROWS = sizeof asset_rows / sizeof asset_rows[0] };

const struct iso_asset *iso_asset_at(size_t n)
{
    return n < ASSET_ROWS ? &asset_rows[n] : NULL;
}

const struct iso_asset *iso_asset(const char *name)
{
    for (size_t n = 0; n < ASSET_ROWS; n++) {
        if (strcmp(asset_rows[n].name, name) == 0)
            return &asset_rows[n];
    }
    return NULL;
}
")
endfunction()

if(CMAKE_SCRIPT_MODE_FILE)
    string(REPLACE "|" ";" FILES "${FILES}")
    assets_write(${TABLE} ${FILES})
endif()
