/* Lane: a run of plain records through all steps of a plain pipeline, without an object for each of its parts.

   Reader  what a pipeline's records, identities, groups and outputs are; made once (streams.pipeline.lane.build)
   Run     one batch of records, read: a row of cells for each event, which point into the record's own bytes

   What Python gets of an event is what lasts: its identity, the key and text of its group, the records to publish.
   Nothing here changes a table: streams.pipeline.lane.walk asks for everything first, and writes when all is there. */

#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <structmember.h>

#include "buffer.h"
#include "columns.h"
#include "groups.h"
#include "scan.h"

static const int64_t NO_TIME = -((int64_t)1 << 62);
static const char MARK[] = "__debezium_unavailable_value"; /* stands for a column that was not sent */

/* -- what a pipeline is */

typedef struct {
    int table, slot; /* of the running result */
    PyObject *lead;  /* bytes: ,"name": */
} Attachment;

typedef struct {
    PyObject *topic, *keys; /* keys: tuple of (column, bytes that lead its value) */
    Attachment *attachments;
    Py_ssize_t attachment_count;
} Route;

typedef struct {
    PyObject_HEAD
    PyObject *told;  /* owns what columns, tables and routes point to */
    Column *columns; /* in the order in which rows are published */
    PyObject **leads; /* bytes: "name": */
    Py_ssize_t column_count;
    Table *tables;
    Py_ssize_t table_count, slot_count;
    Route *routes;
    Py_ssize_t route_count;
    PyObject *identity; /* tuple of columns; empty: nothing is deduplicated */
    int serial;         /* column of the identity; -1: none */
    int time_column;    /* -1: the commit time */
    int64_t divide, multiply;
    int is_envelope, needs_key, may_hide;
} Reader;

/* -- what was read */

typedef struct {
    Py_ssize_t place;  /* of its record in the batch */
    PyObject *record, *value, *identity;
    int64_t time_ms, committed_ms, clock_ms;
    bool is_change;    /* and not a row of a snapshot */
    bool is_dropped;   /* a duplicate */
    uint8_t late;      /* so many tables have closed their window */
} Event;

typedef struct {
    PyObject_HEAD
    Reader *reader;
    Event *events;
    Cell *cells; /* column_count for each event */
    Slot *slots; /* slot_count for each event: running results */
    bool *counted; /* table_count for each event */
    Py_ssize_t count, size, first, last; /* first to last: the events in hand */
    Grouping *groupings; /* by table */
    Buffer buffer;
    PyObject *others; /* places of records that are not plain */
} Run;

static PyTypeObject RunType;
static PyObject *NAME_VALUE, *NAME_KEY, *NAME_TIME, *PUBLISHED_NAMES;

/* -- reading: one record */

typedef struct {
    Place after;
    int64_t committed_ms;
    bool has_committed, has_op, has_after, has_before, has_source, is_change;
} Envelope;

static const Column *find_column(const Reader *reader, Place at, Place end, Py_ssize_t *expected)
{
    for (Py_ssize_t tried = 0; tried < reader->column_count; tried++) {
        Py_ssize_t place = (*expected + tried) % reader->column_count;
        const Column *column = &reader->columns[place];
        if (column->name_length == end - at && !memcmp(column->name, at, (size_t)(end - at))) {
            *expected = place + 1;
            return column;
        }
    }
    return NULL;
}

/* From behind a name to its value. */
static Place skip_colon(Place at)
{
    at = skip_space(at + 1);
    return *at == ':' ? skip_space(at + 1) : NULL;
}

/* From behind a value to the next name, or to the closing brace. */
static Place skip_comma(Place at)
{
    at = skip_space(at);
    if (*at == '}')
        return at;
    if (*at != ',')
        return NULL;
    at = skip_space(at + 1);
    return *at == '"' ? at : NULL;
}

static Place open_object(Place at)
{
    at = skip_space(at + 1);
    return *at == '"' || *at == '}' ? at : NULL;
}

/* The row at a place; each of its columns once, and no other. */
static Place read_row(const Reader *reader, Place at, Cell *cells)
{
    Py_ssize_t expected = 0;
    if (*at != '{')
        return NULL;
    for (at = open_object(at); at && *at != '}'; at = at ? skip_comma(at) : NULL) {
        Place name = at + 1;
        if (!(at = scan_text(name)))
            return NULL;
        const Column *column = find_column(reader, name, at, &expected);
        if (!column || cells[column - reader->columns].state != ABSENT || !(at = skip_colon(at)))
            return NULL;
        at = read_cell(column, at, &cells[column - reader->columns]);
    }
    for (Py_ssize_t place = 0; place < reader->column_count; place++)
        if (reader->columns[place].is_required && cells[place].state == ABSENT)
            return NULL;
    return at ? at + 1 : NULL;
}

static Place read_source(Place at, Envelope *envelope)
{
    if (*at == 'n')
        return skip_word(at, "null", 4);
    if (*at != '{')
        return NULL;
    bool is_told = false;
    for (at = open_object(at); at && *at != '}'; at = at ? skip_comma(at) : NULL) {
        Place name = at + 1;
        if (!(at = scan_text(name)))
            return NULL;
        bool is_time = at - name == 5 && !memcmp(name, "ts_ms", 5);
        if (!(at = skip_colon(at)) || (is_time && is_told))
            return NULL;
        if (!is_time || *at == 'n') {
            is_told |= is_time;
            at = skip_value(at, 2);
            continue;
        }
        Number number = {0, 0};
        at = scan_number(at, &number);
        if (number.scale)
            return NULL;
        envelope->committed_ms = number.digits;
        envelope->has_committed = is_told = true;
    }
    return at ? at + 1 : NULL;
}

/* INSERT, UPDATE or READ. */
static Place read_operation(Place at, Envelope *envelope)
{
    if (*at != '"' || !at[1] || !strchr("cur", at[1]) || at[2] != '"')
        return NULL;
    envelope->is_change = at[1] != 'r';
    return at + 3;
}

/* One part of an envelope; a second one of the same name would be another's business. */
static Place read_part(const Reader *reader, Place name, Py_ssize_t length, Place at, Envelope *envelope, Cell *cells)
{
    bool *has = NULL;
    if (length == 2 && !memcmp(name, "op", 2))
        has = &envelope->has_op;
    else if (length == 5 && !memcmp(name, "after", 5))
        has = &envelope->has_after;
    else if (length == 6 && !memcmp(name, "before", 6))
        has = &envelope->has_before;
    else if (length == 6 && !memcmp(name, "source", 6))
        has = &envelope->has_source;
    if (!has)
        return skip_value(at, 1);
    if (*has)
        return NULL;
    *has = true;
    if (has == &envelope->has_op)
        return read_operation(at, envelope);
    if (has == &envelope->has_after)
        return read_row(reader, at, cells);
    if (has == &envelope->has_source)
        return read_source(at, envelope);
    return *at == 'n' || *at == '{' ? skip_value(at, 1) : NULL;
}

static Place read_envelope(const Reader *reader, Place at, Envelope *envelope, Cell *cells)
{
    if (*at != '{')
        return NULL;
    for (at = open_object(at); at && *at != '}'; at = at ? skip_comma(at) : NULL) {
        Place name = at + 1;
        if (!(at = scan_text(name)))
            return NULL;
        Py_ssize_t length = at - name;
        if ((at = skip_colon(at)))
            at = read_part(reader, name, length, at, envelope, cells);
    }
    return at && envelope->has_op && envelope->has_after ? at + 1 : NULL;
}

static bool read_value(const Reader *reader, PyObject *value, Envelope *envelope, Cell *cells)
{
    Place start = (Place)PyBytes_AS_STRING(value), end = start + PyBytes_GET_SIZE(value), at = skip_space(start);
    if (reader->may_hide && memmem(start, (size_t)(end - start), MARK, sizeof MARK - 1))
        return false;
    envelope->is_change = true;
    at = reader->is_envelope ? read_envelope(reader, at, envelope, cells) : read_row(reader, at, cells);
    return at && skip_space(at) == end;
}

/* Floor division, as Python has it. */
static int64_t floored(int64_t number, int64_t by) { return number / by - (number % by < 0); }

static bool read_time(const Reader *reader, const Cell *cells, Event *event)
{
    if (reader->time_column < 0) {
        event->time_ms = event->committed_ms;
        return true;
    }
    const Cell *cell = &cells[reader->time_column];
    return cell->state == HELD && !__builtin_mul_overflow(floored(cell->digits, reader->divide), reader->multiply, &event->time_ms);
}

/* 1: an event; 0: not plain; -1: an exception. */
static int read_record(const Reader *reader, PyObject *record, Event *event, Cell *cells, int64_t horizon_ms, Py_ssize_t limit)
{
    Envelope envelope = {0};
    int found = 0;
    PyObject *key = NULL, *time = NULL, *value = PyObject_GetAttr(record, NAME_VALUE);
    if (!value || !(key = PyObject_GetAttr(record, NAME_KEY)))
        found = -1;
    else if (PyBytes_CheckExact(value) && (key == Py_None ? !reader->needs_key : PyBytes_CheckExact(key))) {
        Py_ssize_t size = PyBytes_GET_SIZE(value) + (key == Py_None ? 0 : PyBytes_GET_SIZE(key));
        memset(cells, 0, sizeof(Cell) * (size_t)reader->column_count);
        found = size <= limit && read_value(reader, value, &envelope, cells);
    }
    event->committed_ms = envelope.committed_ms;
    if (found == 1 && !envelope.has_committed) {
        event->committed_ms = (time = PyObject_GetAttr(record, NAME_TIME)) ? PyLong_AsLongLong(time) : -1;
        found = PyErr_Occurred() ? -1 : 1;
    }
    if (found == 1)
        found = read_time(reader, cells, event) && event->time_ms > NO_TIME && event->time_ms <= horizon_ms;
    if (found == 1) {
        event->record = Py_NewRef(record);
        event->value = Py_NewRef(value);
        event->is_change = envelope.is_change;
    }
    Py_XDECREF(key);
    Py_XDECREF(time);
    Py_XDECREF(value);
    return found;
}

/* -- reading: a batch */

static void *zeroed(Py_ssize_t count, size_t size) { return PyMem_Calloc((size_t)count + 1, size); }

static int fill_run(Run *run, PyObject *records, int64_t horizon_ms, Py_ssize_t limit)
{
    Reader *reader = run->reader;
    for (Py_ssize_t place = 0; place < run->size; place++) {
        Event *event = &run->events[run->count];
        Cell *cells = &run->cells[run->count * reader->column_count];
        int found = read_record(reader, PyList_GET_ITEM(records, place), event, cells, horizon_ms, limit);
        if (found < 0)
            return -1;
        if (found) {
            event->place = place;
            run->count++;
            continue;
        }
        PyObject *number = PyLong_FromSsize_t(place);
        if (!number || PyList_Append(run->others, number) < 0)
            return Py_XDECREF(number), -1;
        Py_DECREF(number);
    }
    return 0;
}

static PyObject *Reader_read(Reader *reader, PyObject *args)
{
    PyObject *records;
    long long horizon_ms;
    Py_ssize_t limit;
    if (!PyArg_ParseTuple(args, "O!Ln", &PyList_Type, &records, &horizon_ms, &limit))
        return NULL;
    Run *run = PyObject_New(Run, &RunType);
    if (!run)
        return NULL;
    memset((char *)run + sizeof(PyObject), 0, sizeof(Run) - sizeof(PyObject));
    run->reader = (Reader *)Py_NewRef(reader);
    run->size = PyList_GET_SIZE(records);
    run->events = zeroed(run->size, sizeof(Event));
    run->cells = PyMem_Malloc(((size_t)run->size + 1) * (size_t)reader->column_count * sizeof(Cell));
    run->slots = zeroed(run->size * reader->slot_count, sizeof(Slot));
    run->counted = zeroed(run->size * reader->table_count, sizeof(bool));
    run->groupings = zeroed(reader->table_count, sizeof(Grouping));
    run->others = PyList_New(0);
    if (!run->events || !run->cells || !run->slots || !run->counted || !run->groupings || !run->others) {
        Py_DECREF(run);
        return PyErr_NoMemory();
    }
    if (fill_run(run, records, horizon_ms, limit) < 0) {
        Py_DECREF(run);
        return NULL;
    }
    return (PyObject *)run;
}

static void Run_dealloc(Run *run)
{
    for (Py_ssize_t place = 0; place < run->count; place++) {
        Py_DECREF(run->events[place].record);
        Py_DECREF(run->events[place].value);
        Py_XDECREF(run->events[place].identity);
    }
    for (Py_ssize_t table = 0; run->groupings && table < run->reader->table_count; table++)
        clear_grouping(&run->groupings[table]);
    PyMem_Free(run->events);
    PyMem_Free(run->cells);
    PyMem_Free(run->slots);
    PyMem_Free(run->counted);
    PyMem_Free(run->groupings);
    PyMem_Free(run->buffer.bytes);
    Py_XDECREF(run->others);
    Py_DECREF(run->reader);
    PyObject_Free(run);
}

/* -- the steps, over the events in hand */

/* begin(first, end, watermark) -> the watermark behind them. Takes in hand the events of these records of the batch. */
static PyObject *Run_begin(Run *run, PyObject *args)
{
    Py_ssize_t first, end;
    long long watermark;
    if (!PyArg_ParseTuple(args, "nnL", &first, &end, &watermark))
        return NULL;
    for (run->first = 0; run->first < run->count && run->events[run->first].place < first;)
        run->first++;
    for (run->last = run->first; run->last < run->count && run->events[run->last].place < end; run->last++) {
        Event *event = &run->events[run->last];
        if (event->time_ms > watermark)
            watermark = event->time_ms;
        event->clock_ms = watermark;
    }
    for (Py_ssize_t table = 0; table < run->reader->table_count; table++)
        clear_grouping(&run->groupings[table]);
    return PyLong_FromLongLong(watermark);
}

static const Cell *cells_of(const Run *run, Py_ssize_t place) { return &run->cells[place * run->reader->column_count]; }

/* The JSON array of the values of columns; what is absent is null. */
static void put_array(Buffer *buffer, const Cell *cells, PyObject *columns)
{
    put_byte(buffer, '[');
    for (Py_ssize_t place = 0; place < PyTuple_GET_SIZE(columns); place++) {
        const Cell *cell = &cells[PyLong_AsLong(PyTuple_GET_ITEM(columns, place))];
        if (place)
            put_byte(buffer, ',');
        if (cell->state == ABSENT)
            put(buffer, "null", 4);
        else
            put(buffer, cell->start, cell->length);
    }
    put_byte(buffer, ']');
}

/* serial() -> the largest serial of the identities; None where they have none. */
static PyObject *Run_serial(Run *run, PyObject *Py_UNUSED(ignored))
{
    if (run->reader->serial < 0 || run->first == run->last)
        Py_RETURN_NONE;
    int64_t largest = INT64_MIN;
    for (Py_ssize_t place = run->first; place < run->last; place++) {
        int64_t serial = cells_of(run, place)[run->reader->serial].digits;
        largest = serial > largest ? serial : largest;
    }
    return PyLong_FromLongLong(largest);
}

/* identities(most) -> those whose serial is at most that; all where it is None. */
static PyObject *Run_identities(Run *run, PyObject *most)
{
    Reader *reader = run->reader;
    int64_t bound = INT64_MAX;
    PyObject *found = PyList_New(0);
    if (most != Py_None && reader->serial >= 0) {
        double number = PyFloat_AsDouble(most);
        if (PyErr_Occurred())
            return Py_XDECREF(found), NULL;
        bound = number >= 9.2e18 ? INT64_MAX : number <= -9.2e18 ? INT64_MIN : PyLong_Check(most) ? PyLong_AsLongLong(most) : (int64_t)number;
    }
    for (Py_ssize_t place = run->first; found && place < run->last; place++) {
        Event *event = &run->events[place];
        run->buffer.length = 0;
        put_array(&run->buffer, cells_of(run, place), reader->identity);
        Py_XSETREF(event->identity, bytes_of(&run->buffer));
        bool is_asked = reader->serial < 0 || cells_of(run, place)[reader->serial].digits <= bound;
        if (!event->identity || (is_asked && PyList_Append(found, event->identity) < 0))
            Py_CLEAR(found);
    }
    return found;
}

/* Whether an identity is remembered at its event's clock: 1, 0 or -1. */
static int is_remembered(const Event *event, PyObject *created, PyObject *known)
{
    PyObject *expires = PyDict_GetItemWithError(created, event->identity);
    if (!expires && !PyErr_Occurred() && PyDict_GET_SIZE(known))
        expires = PyDict_GetItemWithError(known, event->identity);
    if (!expires || expires == Py_None)
        return PyErr_Occurred() ? -1 : 0;
    int64_t expires_ms = PyLong_AsLongLong(expires);
    return PyErr_Occurred() ? -1 : expires_ms > event->clock_ms;
}

/* deduplicate(known, keep_ms) -> ({identity: when it may be forgotten}, duplicates), once all identities are made. */
static PyObject *Run_deduplicate(Run *run, PyObject *args)
{
    PyObject *known, *created = PyDict_New();
    long long keep_ms;
    Py_ssize_t duplicates = 0;
    if (!created || !PyArg_ParseTuple(args, "O!L", &PyDict_Type, &known, &keep_ms))
        return Py_XDECREF(created), NULL;
    for (Py_ssize_t place = run->first; place < run->last; place++) {
        Event *event = &run->events[place];
        int is_duplicate = is_remembered(event, created, known);
        if (is_duplicate < 0)
            return Py_DECREF(created), NULL;
        event->is_dropped = is_duplicate;
        duplicates += is_duplicate;
        if (is_duplicate)
            continue;
        PyObject *expires = PyLong_FromLongLong(event->time_ms + keep_ms);
        if (!expires || PyDict_SetItem(created, event->identity, expires) < 0)
            return Py_XDECREF(expires), Py_DECREF(created), NULL;
        Py_DECREF(expires);
    }
    return Py_BuildValue("(Nn)", created, duplicates);
}

static void put_group(Buffer *buffer, const Cell *cells, const Table *table, int64_t start_ms)
{
    buffer->length = 0;
    if (table->size_ms) {
        uint64_t moved = (uint64_t)start_ms + ((uint64_t)1 << 63);
        for (int shift = 56; shift >= 0; shift -= 8)
            put_byte(buffer, (char)(moved >> shift));
    }
    put_array(buffer, cells, table->by);
}

/* place(table, forced_ms, held) -> (keys that held has not, late events). Finds the group of each event. */
static PyObject *Run_place(Run *run, PyObject *args)
{
    PyObject *held;
    int number;
    long long forced_ms;
    if (!PyArg_ParseTuple(args, "iLO!", &number, &forced_ms, &PyDict_Type, &held))
        return NULL;
    const Table *table = &run->reader->tables[number];
    Grouping *grouping = &run->groupings[number];
    Py_ssize_t late = 0;
    if (open_grouping(grouping, run->last - run->first, table->slot_count) < 0)
        return NULL;
    for (Py_ssize_t place = run->first; place < run->last; place++) {
        Event *event = &run->events[place];
        int64_t start_ms = 0, clock_ms = event->clock_ms > forced_ms ? event->clock_ms : forced_ms;
        grouping->of[place - run->first] = -1;
        if (event->is_dropped || !event->is_change)
            continue;
        if (table->size_ms) {
            start_ms = floored(event->time_ms, table->size_ms) * table->size_ms;
            if (start_ms + table->open_ms <= clock_ms) {
                event->late++;
                late++;
                continue;
            }
        }
        put_group(&run->buffer, cells_of(run, place), table, start_ms);
        if ((grouping->of[place - run->first] = find_group(grouping, &run->buffer)) < 0)
            return NULL;
    }
    PyObject *missing = missing_groups(grouping, held);
    return missing ? Py_BuildValue("(Nn)", missing, late) : NULL;
}

/* aggregate(table, held, encode) -> {key: text of its state}; None where a state is not plain or would not be. */
static PyObject *Run_aggregate(Run *run, PyObject *args)
{
    PyObject *held, *encode;
    int number;
    if (!PyArg_ParseTuple(args, "iO!O", &number, &PyDict_Type, &held, &encode))
        return NULL;
    const Table *table = &run->reader->tables[number];
    Grouping *grouping = &run->groupings[number];
    int is_plain = read_states(grouping, table, held, encode);
    if (is_plain < 0)
        return NULL;
    for (Py_ssize_t place = run->first; is_plain && place < run->last; place++) {
        Py_ssize_t group = grouping->of[place - run->first];
        if (group < 0)
            continue;
        is_plain = count_event(grouping, table, group, run->events[place].time_ms, cells_of(run, place));
        size_t slots = sizeof(Slot) * (size_t)table->slot_count;
        memcpy(&run->slots[place * run->reader->slot_count + table->first_slot], slots_of(grouping, group), slots);
        run->counted[place * run->reader->table_count + number] = true;
    }
    if (!is_plain)
        Py_RETURN_NONE;
    return written_states(grouping, &run->buffer);
}

static PyObject *key_of(Run *run, const Route *route, const Cell *cells)
{
    Buffer *buffer = &run->buffer;
    Py_ssize_t count = PyTuple_GET_SIZE(route->keys);
    if (!count)
        return Py_NewRef(Py_None);
    buffer->length = 0;
    put_byte(buffer, '{');
    for (Py_ssize_t place = 0; place < count; place++) {
        PyObject *key = PyTuple_GET_ITEM(route->keys, place), *lead = PyTuple_GET_ITEM(key, 1);
        const Cell *cell = &cells[PyLong_AsLong(PyTuple_GET_ITEM(key, 0))];
        if (place)
            put_byte(buffer, ',');
        put(buffer, PyBytes_AS_STRING(lead), (size_t)PyBytes_GET_SIZE(lead));
        put(buffer, cell->start, cell->length);
    }
    put_byte(buffer, '}');
    return bytes_of(buffer);
}

static PyObject *value_of(Run *run, const Route *route, Py_ssize_t event)
{
    Reader *reader = run->reader;
    Buffer *buffer = &run->buffer;
    const Cell *cells = cells_of(run, event);
    buffer->length = 0;
    for (Py_ssize_t place = 0; place < reader->column_count; place++) {
        if (cells[place].state == ABSENT)
            continue;
        put_byte(buffer, buffer->length ? ',' : '{');
        put(buffer, PyBytes_AS_STRING(reader->leads[place]), (size_t)PyBytes_GET_SIZE(reader->leads[place]));
        put(buffer, cells[place].start, cells[place].length);
    }
    for (Py_ssize_t place = 0; place < route->attachment_count; place++) {
        const Attachment *attachment = &route->attachments[place];
        const Slot *slot = &run->slots[event * reader->slot_count + attachment->slot];
        put_byte(buffer, buffer->length ? ',' : '{');
        put(buffer, PyBytes_AS_STRING(attachment->lead), (size_t)PyBytes_GET_SIZE(attachment->lead));
        if (!run->counted[event * reader->table_count + attachment->table] || slot->is_null)
            put(buffer, "null", 4);
        else
            put_number(buffer, slot->digits, slot->scale);
    }
    if (!buffer->length)
        put_byte(buffer, '{');
    put_byte(buffer, '}');
    return bytes_of(buffer);
}

/* 1: published; 0: too large; -1: an exception. */
static int publish(Run *run, const Route *route, Py_ssize_t event, PyObject *make, Py_ssize_t limit, PyObject *published)
{
    int64_t time_ms = run->events[event].time_ms;
    PyObject *delivery = NULL, *key = key_of(run, route, cells_of(run, event)), *value = key ? value_of(run, route, event) : NULL;
    PyObject *time = value ? PyLong_FromLongLong(time_ms > 0 ? time_ms : 0) : NULL;
    int done = -1;
    if (time && PyBytes_GET_SIZE(value) + (key == Py_None ? 0 : PyBytes_GET_SIZE(key)) > limit)
        done = 0;
    else if (time) {
        PyObject *parts[] = {route->topic, key, value, time};
        if ((delivery = PyObject_Vectorcall(make, parts, 0, PUBLISHED_NAMES)) && PyList_Append(published, delivery) == 0)
            done = 1;
    }
    Py_XDECREF(delivery);
    Py_XDECREF(key);
    Py_XDECREF(value);
    Py_XDECREF(time);
    return done;
}

/* publish(route, Delivery, limit) -> what the route publishes of the events; None where one is larger than that. */
static PyObject *Run_publish(Run *run, PyObject *args)
{
    PyObject *make, *published;
    int number;
    Py_ssize_t limit;
    if (!PyArg_ParseTuple(args, "iOn", &number, &make, &limit) || !(published = PyList_New(0)))
        return NULL;
    for (Py_ssize_t event = run->first; event < run->last; event++) {
        if (run->events[event].is_dropped)
            continue;
        int done = publish(run, &run->reader->routes[number], event, make, limit, published);
        if (done < 1) {
            Py_DECREF(published);
            return done ? NULL : Py_NewRef(Py_None);
        }
    }
    return published;
}

/* records() -> those of the events in hand. */
static PyObject *Run_records(Run *run, PyObject *Py_UNUSED(ignored))
{
    PyObject *records = PyList_New(run->last - run->first);
    for (Py_ssize_t place = run->first; records && place < run->last; place++)
        PyList_SET_ITEM(records, place - run->first, Py_NewRef(run->events[place].record));
    return records;
}

/* outcomes() -> (events, of these late for so many tables as there are and not dropped). */
static PyObject *Run_outcomes(Run *run, PyObject *Py_UNUSED(ignored))
{
    Py_ssize_t late = 0;
    for (Py_ssize_t place = run->first; place < run->last; place++)
        late += !run->events[place].is_dropped && run->reader->table_count && run->events[place].late == run->reader->table_count;
    return Py_BuildValue("(nn)", run->last - run->first, late);
}

/* commit_times() -> of the first and the last event in hand; empty without events. */
static PyObject *Run_commit_times(Run *run, PyObject *Py_UNUSED(ignored))
{
    if (run->first == run->last)
        return PyTuple_New(0);
    return Py_BuildValue("(LL)", run->events[run->first].committed_ms, run->events[run->last - 1].committed_ms);
}

static PyMethodDef run_methods[] = {
    {"begin", (PyCFunction)Run_begin, METH_VARARGS, NULL},
    {"serial", (PyCFunction)Run_serial, METH_NOARGS, NULL},
    {"identities", (PyCFunction)Run_identities, METH_O, NULL},
    {"deduplicate", (PyCFunction)Run_deduplicate, METH_VARARGS, NULL},
    {"place", (PyCFunction)Run_place, METH_VARARGS, NULL},
    {"aggregate", (PyCFunction)Run_aggregate, METH_VARARGS, NULL},
    {"publish", (PyCFunction)Run_publish, METH_VARARGS, NULL},
    {"records", (PyCFunction)Run_records, METH_NOARGS, NULL},
    {"outcomes", (PyCFunction)Run_outcomes, METH_NOARGS, NULL},
    {"commit_times", (PyCFunction)Run_commit_times, METH_NOARGS, NULL},
    {NULL},
};

static PyMemberDef run_members[] = {
    {"others", T_OBJECT, offsetof(Run, others), READONLY, "Places of the records that are not plain."},
    {NULL},
};

static PyTypeObject RunType = {
    PyVarObject_HEAD_INIT(NULL, 0)
    .tp_name = "streams.native.lane.Run",
    .tp_basicsize = sizeof(Run),
    .tp_dealloc = (destructor)Run_dealloc,
    .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION,
    .tp_methods = run_methods,
    .tp_members = run_members,
};

/* -- what a pipeline is: from what Python tells */

static int fill_columns(Reader *reader, PyObject *told)
{
    reader->column_count = PyTuple_GET_SIZE(told);
    reader->columns = zeroed(reader->column_count, sizeof(Column));
    reader->leads = zeroed(reader->column_count, sizeof(PyObject *));
    if (!reader->columns || !reader->leads)
        return PyErr_NoMemory(), -1;
    for (Py_ssize_t place = 0; place < reader->column_count; place++) {
        PyObject *column;
        if (!PyArg_ParseTuple(PyTuple_GET_ITEM(told, place), "SO!", &reader->leads[place], &PyTuple_Type, &column)
            || fill_column(&reader->columns[place], column) < 0)
            return -1;
    }
    return 0;
}

/* Columns are named by their place. */
static int check_places(const Reader *reader, PyObject *places)
{
    for (Py_ssize_t place = 0; place < PyTuple_GET_SIZE(places); place++) {
        long column = PyLong_AsLong(PyTuple_GET_ITEM(places, place));
        if (PyErr_Occurred())
            return -1;
        if (column < 0 || column >= reader->column_count)
            return PyErr_SetString(PyExc_ValueError, "no such column"), -1;
    }
    return 0;
}

static int fill_tables(Reader *reader, PyObject *told)
{
    reader->table_count = PyTuple_GET_SIZE(told);
    reader->tables = zeroed(reader->table_count, sizeof(Table));
    if (!reader->tables)
        return PyErr_NoMemory(), -1;
    for (Py_ssize_t place = 0; place < reader->table_count; place++) {
        Table *table = &reader->tables[place];
        if (fill_table(table, PyTuple_GET_ITEM(told, place), (int)reader->column_count) < 0
            || check_places(reader, table->by) < 0)
            return -1;
        table->first_slot = (int)reader->slot_count;
        reader->slot_count += table->slot_count;
    }
    return 0;
}

/* From (table, slot of it, bytes that lead the value). */
static int fill_attachments(const Reader *reader, Route *route, PyObject *told)
{
    route->attachment_count = PyTuple_GET_SIZE(told);
    route->attachments = zeroed(route->attachment_count, sizeof(Attachment));
    if (!route->attachments)
        return PyErr_NoMemory(), -1;
    for (Py_ssize_t place = 0; place < route->attachment_count; place++) {
        Attachment *attachment = &route->attachments[place];
        if (!PyArg_ParseTuple(PyTuple_GET_ITEM(told, place), "iiS", &attachment->table, &attachment->slot, &attachment->lead))
            return -1;
        if (attachment->table < 0 || attachment->table >= reader->table_count || attachment->slot < 0
            || attachment->slot >= reader->tables[attachment->table].slot_count)
            return PyErr_SetString(PyExc_ValueError, "no such result"), -1;
        attachment->slot += reader->tables[attachment->table].first_slot;
    }
    return 0;
}

/* From (topic, ((column, bytes that lead its value), …), attachments). */
static int fill_routes(Reader *reader, PyObject *told)
{
    reader->route_count = PyTuple_GET_SIZE(told);
    reader->routes = zeroed(reader->route_count, sizeof(Route));
    if (!reader->routes)
        return PyErr_NoMemory(), -1;
    for (Py_ssize_t place = 0; place < reader->route_count; place++) {
        Route *route = &reader->routes[place];
        PyObject *attachments;
        if (!PyArg_ParseTuple(PyTuple_GET_ITEM(told, place), "UO!O!", &route->topic, &PyTuple_Type, &route->keys, &PyTuple_Type, &attachments)
            || fill_attachments(reader, route, attachments) < 0)
            return -1;
        for (Py_ssize_t key = 0; key < PyTuple_GET_SIZE(route->keys); key++) {
            int column;
            PyObject *lead;
            if (!PyArg_ParseTuple(PyTuple_GET_ITEM(route->keys, key), "iS", &column, &lead))
                return -1;
            if (column < 0 || column >= reader->column_count)
                return PyErr_SetString(PyExc_ValueError, "no such column"), -1;
        }
    }
    return 0;
}

static int fill_rest(Reader *reader, PyObject *options)
{
    long long divide, multiply;
    if (!PyArg_ParseTuple(options, "pppO!iiLL", &reader->is_envelope, &reader->needs_key, &reader->may_hide,
                          &PyTuple_Type, &reader->identity, &reader->serial,
                          &reader->time_column, &divide, &multiply))
        return -1;
    reader->divide = divide;
    reader->multiply = multiply;
    if (divide < 1 || multiply < 1 || reader->serial >= reader->column_count || reader->time_column >= reader->column_count)
        return PyErr_SetString(PyExc_ValueError, "no such time"), -1;
    return check_places(reader, reader->identity);
}

/* Reader(columns, tables, routes, options) */
static PyObject *Reader_new(PyTypeObject *type, PyObject *args, PyObject *Py_UNUSED(named))
{
    PyObject *columns, *tables, *routes, *options;
    if (!PyArg_ParseTuple(args, "O!O!O!O!", &PyTuple_Type, &columns, &PyTuple_Type, &tables, &PyTuple_Type, &routes, &PyTuple_Type, &options))
        return NULL;
    Reader *reader = (Reader *)type->tp_alloc(type, 0);
    if (!reader)
        return NULL;
    reader->told = Py_NewRef(args);
    if (fill_columns(reader, columns) < 0 || fill_tables(reader, tables) < 0 || fill_routes(reader, routes) < 0
        || fill_rest(reader, options) < 0) {
        Py_DECREF(reader);
        return NULL;
    }
    return (PyObject *)reader;
}

static void Reader_dealloc(Reader *reader)
{
    for (Py_ssize_t place = 0; reader->routes && place < reader->route_count; place++)
        PyMem_Free(reader->routes[place].attachments);
    for (Py_ssize_t place = 0; reader->tables && place < reader->table_count; place++)
        PyMem_Free(reader->tables[place].kinds);
    PyMem_Free(reader->columns);
    PyMem_Free(reader->leads);
    PyMem_Free(reader->tables);
    PyMem_Free(reader->routes);
    Py_XDECREF(reader->told);
    Py_TYPE(reader)->tp_free((PyObject *)reader);
}

static PyMethodDef reader_methods[] = {
    {"read", (PyCFunction)Reader_read, METH_VARARGS, "read(records, horizon_ms, limit) -> Run"},
    {NULL},
};

static PyTypeObject ReaderType = {
    PyVarObject_HEAD_INIT(NULL, 0)
    .tp_name = "streams.native.lane.Reader",
    .tp_basicsize = sizeof(Reader),
    .tp_dealloc = (destructor)Reader_dealloc,
    .tp_flags = Py_TPFLAGS_DEFAULT,
    .tp_methods = reader_methods,
    .tp_new = Reader_new,
};

static PyModuleDef module = {PyModuleDef_HEAD_INIT, "streams.native.lane", NULL, -1};

PyMODINIT_FUNC PyInit_lane(void)
{
    NAME_VALUE = PyUnicode_InternFromString("value");
    NAME_KEY = PyUnicode_InternFromString("key");
    NAME_TIME = PyUnicode_InternFromString("timestamp_ms");
    PUBLISHED_NAMES = Py_BuildValue("(ssss)", "topic", "key", "value", "timestamp_ms");
    if (!NAME_VALUE || !NAME_KEY || !NAME_TIME || !PUBLISHED_NAMES || PyType_Ready(&RunType) < 0)
        return NULL;
    PyObject *made = PyModule_Create(&module);
    if (made && PyModule_AddType(made, &ReaderType) < 0)
        Py_CLEAR(made);
    return made;
}
