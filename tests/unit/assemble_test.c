/* A record put together from its parts: every rule, in maps and not, for readers of the
 * collection's schemas and others. */
#include "assemble_ground.h"

#define WRITER                                                              \
    "{'type':'record','name':'W','fields':["                                \
    "{'name':'name','type':'string','default':'?'},"                        \
    "{'name':'size','type':'int','default':7},"                             \
    "{'name':'tags','merge':'set','type':{'type':'array',"                  \
    "'items':'string'}},"                                                   \
    "{'name':'ids','merge':'set','type':{'type':'array','items':'long'}},"  \
    "{'name':'raw','merge':'set','type':{'type':'array','items':'bytes'}}," \
    "{'name':'visits','merge':'counter','type':'long'},"                    \
    "{'name':'vip','merge':'flag','type':'boolean'},"                       \
    "{'name':'last','merge':'max','type':'int','default':-5},"              \
    "{'name':'first','merge':'min','type':'float','default':1.5},"          \
    "{'name':'notes','merge':'map','type':{'type':'map','values':'int'}},"  \
    "{'name':'cart','merge':'map:counter','type':{'type':'map',"            \
    "'values':'long'}},"                                                    \
    "{'name':'groups','merge':'map:set','type':{'type':'map',"              \
    "'values':{'type':'array','items':'int'}}},"                            \
    "{'name':'on','merge':'map:flag','type':{'type':'map',"                 \
    "'values':'boolean'}},"                                                 \
    "{'name':'tops','merge':'map:max','type':{'type':'map',"                \
    "'values':'int'}},"                                                     \
    "{'name':'lows','merge':'map:min','type':{'type':'map',"                \
    "'values':'string'}}]}"

/* In the order of paths: by length first. */
#define FULL                                                                           \
    "{'name':'Ada','size':3,'tags':['a','b','aa'],'ids':[-1,1,500],'raw':['\\u00ff']," \
    "'visits':41,'vip':true,'last':9,'first':0.5,'notes':{'x':1,'y':2},"               \
    "'cart':{'s':3,'tt':-4},'groups':{'g':[1,2],'hh':[3]},'on':{'k':true},"            \
    "'tops':{'t':8},'lows':{'l':'z'}}"
#define EMPTY                                                                   \
    "{'name':'?','size':7,'tags':[],'ids':[],'raw':[],'visits':0,'vip':false,"  \
    "'last':-5,'first':1.5,'notes':{},'cart':{},'groups':{},'on':{},'tops':{}," \
    "'lows':{}}"

static void setup(void)
{
    collection(WRITER, NULL);
}

/* ---- the collection's own schema ---- */

START_TEST(a_record_of_every_rule_is_put_together_as_it_was)
{
    put(0, FULL);
    read_by(WRITER);
    for (int round = 0; round < 2; round++)
        expect(FULL);
}
END_TEST

START_TEST(what_is_not_there_is_its_default_or_empty)
{
    read_by(WRITER);
    expect(EMPTY);
    put(0, FULL);
    expect(FULL);
    parts.count = 0; /* nothing stays from the record before */
    expect(EMPTY);
}
END_TEST

START_TEST(what_is_removed_does_not_come_back_by_a_default)
{
    instead("{'type':'record','name':'W','fields':["
            "{'name':'s','merge':'set','type':{'type':'array','items':'int'},"
            "'default':[1]},"
            "{'name':'c','merge':'counter','type':'long','default':5},"
            "{'name':'f','merge':'flag','type':'boolean','default':true},"
            "{'name':'m','merge':'map','type':{'type':'map','values':'int'},"
            "'default':{'a':1}}]}",
            NULL);
    read_by("{'type':'record','name':'R','fields':["
            "{'name':'s','type':{'type':'array','items':'int'},'default':[1]},"
            "{'name':'c','type':'long','default':5},"
            "{'name':'f','type':'boolean','default':true},"
            "{'name':'m','type':{'type':'map','values':'int'},'default':{'a':1}}]}");
    expect("{'s':[],'c':0,'f':false,'m':{}}");
}
END_TEST

START_TEST(of_several_names_the_first_that_is_known_says_what_empty_is)
{
    instead("{'type':'record','name':'W','fields':["
            "{'name':'l','type':'long','default':1},"
            "{'name':'c','merge':'counter','type':'long'}]}",
            NULL);
    read_by("{'type':'record','name':'R','fields':["
            "{'name':'x','type':'long','default':5,'aliases':['none','c','l']}]}");
    expect("{'x':0}");
    read_by("{'type':'record','name':'R','fields':["
            "{'name':'x','type':'long','default':5,'aliases':['l','c']}]}");
    expect("{'x':5}");
}
END_TEST

START_TEST(each_part_of_a_record_may_be_of_another_schema)
{
    instead("{'type':'record','name':'A','fields':["
            "{'name':'a','type':'int','default':0},"
            "{'name':'b','type':'int','default':0},"
            "{'name':'m','merge':'map','type':{'type':'map','values':'int'}}]}",
            "{'type':'record','name':'A','fields':["
            "{'name':'b','type':'long','default':0},"
            "{'name':'c','type':['null','string'],'default':null},"
            "{'name':'m','merge':'map','type':{'type':'map','values':'long'}}]}");
    struct iso_shown_part newer = {.path.field = iso_bytes_text("b"),
                                   .fingerprint = iso_schemas_fingerprint(schemas, 1),
                                   .datum = iso_bytes("\x0c", 1)};
    put(0, "{'a':1,'b':2,'m':{'x':3}}");
    parts.parts[1] = newer;
    newer.path = (struct iso_path){.field = iso_bytes_text("m"),
                                   .has_member = true,
                                   .member = iso_bytes_text("y")};
    kit_part_add(&parts, newer);
    kit_parts_sort(&parts);
    read_by("{'type':'record','name':'A','fields':["
            "{'name':'m','type':{'type':'map','values':'double'}},"
            "{'name':'b','type':'float'},"
            "{'name':'c','type':['null','string']},"
            "{'name':'a','type':'int'}]}");
    expect("{'m':{'x':3,'y':6},'b':6,'c':null,'a':1}");
}
END_TEST

/* ---- readers of their own ---- */

START_TEST(names_are_found_by_alias_when_nobody_is_called_so)
{
    instead("{'type':'record','name':'A','fields':["
            "{'name':'a','type':'int','default':0},"
            "{'name':'b','type':'int','default':0},"
            "{'name':'old','merge':'set','type':{'type':'array','items':'int'}}]}",
            NULL);
    put(0, "{'a':1,'b':2,'old':[4]}");
    /* b is a name of its own; of two with one alias the first has it; `tags` takes old
     * by its second alias. */
    read_by("{'type':'record','name':'R','fields':["
            "{'name':'x','type':'int','default':9,'aliases':['b']},"
            "{'name':'b','type':'int'},"
            "{'name':'y','type':'int','aliases':['none','a']},"
            "{'name':'z','type':'int','default':8,'aliases':['a']},"
            "{'name':'tags','type':{'type':'array','items':'int'},"
            "'aliases':['none','old']}]}");
    expect("{'x':9,'b':2,'y':1,'z':8,'tags':[4]}");
}
END_TEST

START_TEST(of_a_name_and_its_aliases_the_first_with_parts_is_taken)
{
    static const char by[] = "{'name':'b','type':'int','aliases':['d','c']}";
    instead("{'type':'record','name':'A','fields':["
            "{'name':'b','type':'int','default':1},"
            "{'name':'c','type':'int','default':2},"
            "{'name':'d','type':'int','default':3}]}",
            NULL);
    put(0, "{'b':10,'c':20,'d':30}");
    struct iso_buf schema = {0};
    iso_buf_print(&schema, "{'type':'record','name':'R','fields':[%s]}", by);
    read_by(iso_buf_text(&schema));
    iso_buf_release(&schema);
    expect("{'b':10}");
    parts.parts[0] = parts.parts[1];
    parts.parts[1] = parts.parts[2];
    parts.count = 2;
    expect("{'b':30}");
    parts.count = 1;
    expect("{'b':20}");
}
END_TEST

START_TEST(every_rule_is_read_by_wider_types_and_unions)
{
    put(0, FULL);
    read_by("{'type':'record','name':'R','fields':["
            "{'name':'size','type':['null','double']},"
            "{'name':'tags','type':{'type':'array','items':'bytes'}},"
            "{'name':'ids','type':['null',{'type':'array','items':['null',"
            "'float']}]},"
            "{'name':'raw','type':{'type':'array','items':'bytes'}},"
            "{'name':'visits','type':['null','double']},"
            "{'name':'vip','type':['null','boolean']},"
            "{'name':'last','type':'long'},"
            "{'name':'first','type':'double'},"
            "{'name':'notes','type':['null',{'type':'map','values':'long'}]},"
            "{'name':'cart','type':{'type':'map','values':['string','long']}},"
            "{'name':'groups','type':['int',{'type':'map','values':['null',"
            "{'type':'array','items':'long'}]}]},"
            "{'name':'on','type':{'type':'map','values':['null','boolean']}},"
            "{'name':'tops','type':{'type':'map','values':'float'}},"
            "{'name':'lows','type':{'type':'map','values':'bytes'}}]}");
    expect("{'size':{'double':3},'tags':['a','b','aa'],"
           "'ids':{'array':[{'float':-1},{'float':1},{'float':500}]},"
           "'raw':['\\u00ff'],'visits':{'double':41},'vip':{'boolean':true},'last':9,"
           "'first':0.5,'notes':{'map':{'x':1,'y':2}},"
           "'cart':{'s':{'long':3},'tt':{'long':-4}},"
           "'groups':{'map':{'g':{'array':[1,2]},'hh':{'array':[3]}}},"
           "'on':{'k':{'boolean':true}},'tops':{'t':8},'lows':{'l':'z'}}");
    parts.count = 0;
    expect("{'size':null,'tags':[],'ids':{'array':[]},'raw':[],'visits':{'double':0},"
           "'vip':{'boolean':false},'last':0,'first':0,'notes':{'map':{}},'cart':{},"
           "'groups':{'map':{}},'on':{},'tops':{},'lows':{}}");
}
END_TEST

START_TEST(without_default_what_is_not_there_is_nothing)
{
    read_by("{'type':'record','name':'R','fields':["
            "{'name':'name','type':['int','null']},"
            "{'name':'a','type':'string'},"
            "{'name':'b','type':{'type':'fixed','name':'F','size':3}},"
            "{'name':'c','type':{'type':'enum','name':'E','symbols':['P','Q']}},"
            "{'name':'d','type':{'type':'record','name':'S','fields':["
            "{'name':'x','type':'int','default':4},"
            "{'name':'y','type':'double'}]}},"
            "{'name':'e','type':['long','string']},"
            "{'name':'f','type':'float'},"
            "{'name':'g','type':{'type':'array','items':'S'}},"
            "{'name':'h','type':'null'},"
            "{'name':'i','type':'bytes'},"
            "{'name':'j','type':{'type':'record','name':'L','fields':["
            "{'name':'v','type':'int'},"
            "{'name':'n','type':['null','L']}]}}]}");
    expect("{'name':null,'a':'','b':'\\u0000\\u0000\\u0000','c':'P','d':{'x':4,'y':0},"
           "'e':{'long':0},'f':0,'g':[],'h':null,'i':'','j':{'v':0,'n':null}}");
}
END_TEST

START_TEST(a_type_without_an_end_needs_a_default_only_when_it_is_missing)
{
    static const char endless[] =
        "{'type':'record','name':'R','fields':["
        "{'name':'a','type':{'type':'record','name':'S','fields':["
        "{'name':'s','type':'S'}]}},"
        "{'name':'b','type':'int'}]}";
    read_by(endless);
    refuse(ISO_INCOMPATIBLE, "field a");
    read_by("{'type':'record','name':'R','fields':["
            "{'name':'a','type':{'type':'record','name':'A','fields':["
            "{'name':'x','type':{'type':'fixed','name':'F','size':1000000}}]}},"
            "{'name':'b','type':'int'}]}");
    refuse(ISO_INCOMPATIBLE, "give the field a default");
}
END_TEST

/* ---- what a reader cannot take ---- */

static const struct {
    const char *type, *field, *words;
} wrong[] = {
    {"'string'", "tags", "an array"},
    {MAP("'string'"), "tags", "an array"},
    {ARRAY("'int'"), "tags", "tags[]: it expects int"},
    {"'int'", "notes", "a map"},
    {MAP("'int'"), "groups", "a map of arrays"},
    {ARRAY("'int'"), "groups", "a map of arrays"},
    {"'string'", "visits", "string"},
    {"'int'", "vip", "boolean"},
    {"'int'", "name", "the field name"},
    {MAP("'boolean'"), "notes", "notes[\"x\"]"},
    {MAP("['null','string']"), "cart", "cart[\"s\"]"},
    {ARRAY("'boolean'"), "ids", "ids[]"},
};

START_TEST(a_type_of_another_shape_cannot_be_read)
{
    struct iso_buf schema = {0};
    iso_buf_print(&schema,
                  "{'type':'record','name':'R','fields':["
                  "{'name':'%s','type':%s}]}",
                  wrong[_i].field, wrong[_i].type);
    read_by(iso_buf_text(&schema));
    iso_buf_release(&schema);
    ck_assert_int_eq(assemble(), ISO_OK); /* while nothing is there */
    put(0, FULL);
    refuse(ISO_INCOMPATIBLE, wrong[_i].words);
}
END_TEST

START_TEST(an_int_reads_what_an_int_holds)
{
    read_by("{'type':'record','name':'R','fields':["
            "{'name':'visits','type':'int'},"
            "{'name':'ids','type':{'type':'array','items':'int'}},"
            "{'name':'cart','type':{'type':'map','values':['null','int']}}]}");
    put(0, FULL);
    expect("{'visits':41,'ids':[-1,1,500],'cart':{'s':{'int':3},'tt':{'int':-4}}}");
    size_t at = 0;
    while (parts.parts[at].rule != ISO_RULE_COUNTER || parts.parts[at].path.has_member)
        at++;
    parts.parts[at].number = INT32_MIN;
    expect("{'visits':-2147483648,'ids':[-1,1,500],"
           "'cart':{'s':{'int':3},'tt':{'int':-4}}}");
    parts.parts[at].number = (int64_t)INT32_MAX + 1;
    refuse(ISO_INCOMPATIBLE, "visits: 2147483648 stands there");
    parts.parts[at].number = 0;
    for (at = 0;
         !parts.parts[at].path.has_member || parts.parts[at].rule != ISO_RULE_COUNTER;)
        at++;
    parts.parts[at].number = INT64_MIN;
    refuse(ISO_INCOMPATIBLE, "cart[\"s\"]: -9223372036854775808");
    parts.parts[at].number = 0;
    kit_parts_release(&parts);
    put(0, "{'name':'','size':0,'tags':[],'ids':[4294967296],'raw':[],'visits':0,"
           "'vip':false,'last':0,'first':0,'notes':{},'cart':{},'groups':{},'on':{},"
           "'tops':{},'lows':{}}");
    refuse(ISO_INCOMPATIBLE, "ids: 4294967296 stands there");
}
END_TEST

START_TEST(numbers_beyond_an_int_are_read_as_longs)
{
    instead("{'type':'record','name':'W','fields':["
            "{'name':'c','merge':'counter','type':'long'},"
            "{'name':'s','merge':'set','type':{'type':'array','items':'long'}}]}",
            NULL);
    put(0, "{'c':0,'s':[-2147483649,2147483648]}");
    parts.parts[0].number = INT64_C(1) << 40;
    read_by("{'type':'record','name':'R','fields':[{'name':'c','type':'long'},"
            "{'name':'s','type':{'type':'array','items':['int','long']}}]}");
    expect("{'c':1099511627776,'s':[{'long':2147483648},{'long':-2147483649}]}");
    read_by("{'type':'record','name':'R','fields':[{'name':'c','type':'double'}]}");
    expect("{'c':1099511627776}");
}
END_TEST

START_TEST(a_reader_that_is_no_record_is_refused)
{
    reader = schema_parse("'string'");
    ck_assert_int_eq(iso_assembler_new(schemas, reader, &assembler, &why),
                     ISO_INCOMPATIBLE);
    assembler = NULL;
}
END_TEST

START_TEST(a_part_of_a_schema_or_field_that_is_not_named_is_refused)
{
    static const uint8_t other[ISO_FINGERPRINT_SIZE] = {1};
    struct iso_shown_part unknown = {.path.field = iso_bytes_text("unknown"),
                                     .rule = ISO_RULE_COUNTER};
    read_by(WRITER);
    kit_part_add(&parts, unknown);
    refuse(ISO_REFUSED, "field unknown");
    read_by("{'type':'record','name':'R','fields':["
            "{'name':'unknown','type':'long'}]}");
    refuse(ISO_REFUSED, "field unknown");
    kit_parts_release(&parts);
    put(0, FULL);
    read_by(WRITER);
    for (size_t i = 0; i < parts.count; i++) {
        const uint8_t *fingerprint = parts.parts[i].fingerprint;
        if (fingerprint == NULL)
            continue;
        parts.parts[i].fingerprint = other;
        refuse(ISO_REFUSED, "of fingerprint 0100000000000000");
        parts.parts[i].fingerprint = fingerprint;
    }
    expect(FULL);
}
END_TEST

START_TEST(a_field_that_the_reader_lacks_is_passed_over)
{
    put(0, FULL);
    read_by("{'type':'record','name':'R','fields':["
            "{'name':'last','type':'int'}]}");
    expect("{'last':9}");
    read_by("{'type':'record','name':'R','fields':[]}");
    expect("{}");
}
END_TEST

START_TEST(a_part_that_is_not_of_its_fields_rule_is_damage)
{
    put(0, FULL);
    read_by(WRITER);
    for (size_t i = 0; i < parts.count; i++) {
        struct iso_shown_part was = parts.parts[i], *part = &parts.parts[i];
        part->rule = was.rule == ISO_RULE_FLAG ? ISO_RULE_SET : ISO_RULE_FLAG;
        refuse(ISO_DAMAGED, "repair");
        *part = was;
        part->path.has_member = !was.path.has_member;
        refuse(ISO_DAMAGED, "repair");
        *part = was;
        part->path.has_element = !was.path.has_element;
        refuse(ISO_DAMAGED, "repair");
        *part = was;
        if (was.fingerprint == NULL)
            continue;
        part->fingerprint = NULL;
        refuse(ISO_DAMAGED, "repair");
        *part = was;
        part->datum = iso_bytes("\xff\xff\xff\xff\xff\xff", 6);
        refuse(ISO_BAD_DATA, "datum");
        *part = was;
    }
    expect(FULL);
    for (size_t i = 0; i < parts.count; i++) {
        struct iso_shown_part was = parts.parts[parts.count - 1];
        if (parts.parts[i].path.has_member || parts.parts[i].path.has_element)
            continue;
        parts.parts[parts.count - 1] = parts.parts[i]; /* one path twice */
        kit_parts_sort(&parts);
        refuse(ISO_DAMAGED, "repair");
        parts.parts[i] = was;
        kit_parts_sort(&parts);
        break;
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("assemble");
    TCase *tests = tcase_create("assemble");
    tcase_set_timeout(tests, 60);
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_test(tests, a_record_of_every_rule_is_put_together_as_it_was);
    tcase_add_test(tests, what_is_not_there_is_its_default_or_empty);
    tcase_add_test(tests, what_is_removed_does_not_come_back_by_a_default);
    tcase_add_test(tests, of_several_names_the_first_that_is_known_says_what_empty_is);
    tcase_add_test(tests, each_part_of_a_record_may_be_of_another_schema);
    tcase_add_test(tests, numbers_beyond_an_int_are_read_as_longs);
    tcase_add_test(tests, names_are_found_by_alias_when_nobody_is_called_so);
    tcase_add_test(tests, of_a_name_and_its_aliases_the_first_with_parts_is_taken);
    tcase_add_test(tests, every_rule_is_read_by_wider_types_and_unions);
    tcase_add_test(tests, without_default_what_is_not_there_is_nothing);
    tcase_add_test(tests,
                   a_type_without_an_end_needs_a_default_only_when_it_is_missing);
    tcase_add_loop_test(tests, a_type_of_another_shape_cannot_be_read, 0,
                        sizeof wrong / sizeof wrong[0]);
    tcase_add_test(tests, an_int_reads_what_an_int_holds);
    tcase_add_test(tests, a_reader_that_is_no_record_is_refused);
    tcase_add_test(tests, a_part_of_a_schema_or_field_that_is_not_named_is_refused);
    tcase_add_test(tests, a_field_that_the_reader_lacks_is_passed_over);
    tcase_add_test(tests, a_part_that_is_not_of_its_fields_rule_is_damage);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
