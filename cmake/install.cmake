# What `cmake --install` puts where, and the libraries that only services need: the
# programs link the rooms themselves.
#
#   isostasy-base       base, schema: the ground of the other three
#   isostasy-producer   bus, producer: writes                          (librdkafka)
#   isostasy-reader     resolver, store, consumer/replica*, plugin*: reads (LMDB)
#   isostasy-keyfile    base/keyfile.c: reads the settings file        (GLib)
#
# Each is a shared and a static library with a pkg-config file; CMake finds them as
# isostasy::producer and so on. That base is one library and not a part of each is what
# makes one log sink, one out-of-memory handler and one table of settings of them, also
# where a service links all four.
#
# A shared library lets out what its public headers declare, under the symbol version
# ISOSTASY_MAJOR.MINOR (cmake/exports/*.map). What the libraries need of each other besides
# is under ISOSTASY_PRIVATE_VERSION, so that parts of two versions do not load together.
if(ISOSTASY_SANITIZE)
    return() # nobody installs those, and a sanitizer wants to be linked by the program
endif()

include(CMakePackageConfigHelpers)

set(iso_series ${PROJECT_VERSION_MAJOR}.${PROJECT_VERSION_MINOR}) # below 1.0 the ABI moves
set(iso_includes ${CMAKE_INSTALL_INCLUDEDIR}/isostasy)

# ---- libraries ----

# From lib/pkgconfig up to the prefix, so that what is installed can be moved.
file(RELATIVE_PATH iso_prefix_up /usr/${CMAKE_INSTALL_LIBDIR}/pkgconfig /usr)
string(REGEX REPLACE "/$" "" iso_prefix_up ${iso_prefix_up})

# iso_installed(NAME WORDS what it is FROM objects… SEES installed libraries…
#               LIBRARIES outside… HEADERS public ones…)
function(iso_installed name)
    cmake_parse_arguments(LIB "" "WORDS" "FROM;SEES;LIBRARIES;HEADERS" ${ARGN})
    set(map ${PROJECT_BINARY_DIR}/exports/${name}.map)
    configure_file(${PROJECT_SOURCE_DIR}/cmake/exports/${name}.map ${map} @ONLY)
    foreach(kind SHARED STATIC)
        string(TOLOWER ${kind} lower)
        set(target isostasy_${name}_${lower})
        add_library(${target} ${kind} ${LIB_FROM})
        set_target_properties(${target} PROPERTIES OUTPUT_NAME isostasy-${name}
                              LINKER_LANGUAGE C)
        target_include_directories(${target} INTERFACE $<INSTALL_INTERFACE:${iso_includes}>
                                   $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>)
        foreach(seen ${LIB_SEES})
            target_link_libraries(${target} PUBLIC isostasy_${seen}_${lower})
        endforeach()
        target_link_libraries(${target} PRIVATE ${LIB_LIBRARIES})
        install(TARGETS ${target} EXPORT isostasy-${lower}
                LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR}
                ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR})
    endforeach()
    set_target_properties(isostasy_${name}_shared PROPERTIES EXPORT_NAME ${name}
                          VERSION ${PROJECT_VERSION} SOVERSION ${iso_series}
                          INSTALL_RPATH "$ORIGIN" # base stands beside it
                          LINK_DEPENDS ${map})
    set_target_properties(isostasy_${name}_static PROPERTIES EXPORT_NAME ${name}-static)
    target_link_options(isostasy_${name}_shared PRIVATE -Wl,--version-script=${map}
                        -Wl,-Bsymbolic-functions -Wl,--as-needed -Wl,-z,defs)
    foreach(header ${LIB_HEADERS})
        get_filename_component(room ${header} DIRECTORY)
        install(FILES ${PROJECT_SOURCE_DIR}/${header} DESTINATION ${iso_includes}/${room})
    endforeach()
    iso_pkgconfig(${name} "${LIB_WORDS}" "${LIB_SEES}" "${LIB_LIBRARIES}")
endfunction()

# What an imported target is called by pkg-config; Threads is in the C library.
function(iso_pkgconfig_names out)
    set(names)
    foreach(library ${ARGN})
        if(library MATCHES "^PkgConfig::(.*)$")
            string(REGEX REPLACE "[<>=].*" "" module "${${CMAKE_MATCH_1}_MODULE_NAME}")
            list(APPEND names ${module})
        endif()
    endforeach()
    string(REPLACE ";" " " names "${names}")
    set(${out} "${names}" PARENT_SCOPE)
endfunction()

function(iso_pkgconfig name words sees libraries)
    set(iso_name ${name})
    set(iso_description ${words})
    string(REGEX REPLACE "([^;]+)" "isostasy-\\1 = ${PROJECT_VERSION}" iso_requires "${sees}")
    string(REPLACE ";" ", " iso_requires "${iso_requires}")
    iso_pkgconfig_names(iso_requires_private ${libraries})
    set(file ${PROJECT_BINARY_DIR}/isostasy-${name}.pc)
    configure_file(${PROJECT_SOURCE_DIR}/cmake/isostasy.pc.in ${file} @ONLY)
    install(FILES ${file} DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
endfunction()

iso_installed(base
    WORDS "What the libraries of isostasy stand on: bytes, failures, settings, versions"
    FROM $<TARGET_OBJECTS:iso_base> $<TARGET_OBJECTS:iso_schema>
    LIBRARIES PkgConfig::AVRO PkgConfig::JANSSON Threads::Threads
    HEADERS base/bytes.h base/clock.h base/err.h base/log.h base/mem.h base/settings.h
            schema/avro.h schema/compatibility.h schema/definition.h schema/edit.h
            schema/path.h schema/rule.h schema/token.h schema/value.h schema/version.h
            schema/view.h schema/write.h)

iso_installed(producer
    WORDS "Publishes versioned writes that every region applies"
    FROM $<TARGET_OBJECTS:iso_bus> $<TARGET_OBJECTS:iso_producer>
    SEES base
    LIBRARIES PkgConfig::RDKAFKA Threads::Threads
    HEADERS producer/producer.h)

# Of the consumer a reader is what finds rows and knows which definitions can be read.
iso_installed(reader
    WORDS "Reads the copy of a region beside its running daemon"
    FROM $<TARGET_OBJECTS:iso_resolver> $<TARGET_OBJECTS:iso_store>
         "$<FILTER:$<TARGET_OBJECTS:iso_consumer>,INCLUDE,/consumer/(replica[a-z_]*|plugin[a-z_]*|rows|filter|known|parsed|admit[a-z_]*)[.]c[.]o$>"
    SEES base
    LIBRARIES PkgConfig::LMDB Threads::Threads
    HEADERS consumer/plugin.h consumer/replica.h)

iso_installed(keyfile
    WORDS "Reads the settings file of isostasy"
    FROM $<TARGET_OBJECTS:iso_keyfile>
    SEES base
    LIBRARIES PkgConfig::GLIB
    HEADERS base/keyfile.h)

# ---- the CMake package ----

set(iso_package ${CMAKE_INSTALL_LIBDIR}/cmake/isostasy)
foreach(kind shared static)
    install(EXPORT isostasy-${kind} NAMESPACE isostasy:: DESTINATION ${iso_package}
            FILE isostasy-${kind}.cmake)
endforeach()
configure_package_config_file(${PROJECT_SOURCE_DIR}/cmake/isostasyConfig.cmake.in
    ${PROJECT_BINARY_DIR}/isostasyConfig.cmake INSTALL_DESTINATION ${iso_package})
write_basic_package_version_file(${PROJECT_BINARY_DIR}/isostasyConfigVersion.cmake
    COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/isostasyConfig.cmake
              ${PROJECT_BINARY_DIR}/isostasyConfigVersion.cmake
        DESTINATION ${iso_package})

# ---- programs, manual, documents ----

install(TARGETS isostasyd isostasy isostasy-monitor DESTINATION ${CMAKE_INSTALL_BINDIR})

# Resolver plug-ins: the program that they run in, and what their authors include.
install(TARGETS isostasy-plugin-host DESTINATION ${CMAKE_INSTALL_LIBEXECDIR})
install(FILES resolver/plugin.h DESTINATION ${iso_includes}/resolver)

# The list of settings in isostasy.conf(5) is the program's own.
set(iso_man ${PROJECT_SOURCE_DIR}/docs/man)
set(iso_conf ${PROJECT_BINARY_DIR}/isostasy.conf.5)
add_custom_command(OUTPUT ${iso_conf}
    COMMAND ${iso_man}/render $<TARGET_FILE:isostasy> ${iso_man}/isostasy.conf.5.in ${iso_conf}
    DEPENDS isostasy ${iso_man}/render ${iso_man}/isostasy.conf.5.in
    COMMENT "Writing isostasy.conf.5" VERBATIM)
add_custom_target(isostasy_man ALL DEPENDS ${iso_conf})
install(FILES ${iso_man}/isostasy.1 DESTINATION ${CMAKE_INSTALL_MANDIR}/man1)
install(FILES ${iso_conf} DESTINATION ${CMAKE_INSTALL_MANDIR}/man5)
install(FILES ${iso_man}/isostasyd.8 ${iso_man}/isostasy-monitor.8
        DESTINATION ${CMAKE_INSTALL_MANDIR}/man8)
install(FILES deploy/systemd/isostasyd@.service deploy/systemd/isostasy-monitor.service
        DESTINATION lib/systemd/system)
install(FILES deploy/systemd/isostasy.sysusers.conf DESTINATION lib/sysusers.d
        RENAME isostasy.conf)
install(FILES LICENSE CHANGELOG.md docs/DESIGN.md DESTINATION ${CMAKE_INSTALL_DOCDIR})
install(DIRECTORY examples DESTINATION ${CMAKE_INSTALL_DOCDIR})
install(DIRECTORY deploy/prometheus deploy/grafana DESTINATION ${CMAKE_INSTALL_DATADIR}/isostasy)
