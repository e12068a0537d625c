/* Reader: what the extension knows of a pipeline, as streams.pipeline.lane.build tells it. */

#ifndef STREAMS_READER_H
#define STREAMS_READER_H

#include <Python.h>

#include "columns.h"
#include "groups.h"

typedef struct {
    int table, slot; /* of the running result */
    PyObject *lead;  /* bytes: ,"name": */
} Attachment;

typedef struct {
    PyObject *topic, *keys; /* keys: tuple of (column, bytes that lead its value) */
    Attachment *attachments;
    Py_ssize_t attachment_count;
} Route;

/* Of a table that another task keeps. */
typedef struct {
    const char *name; /* as JSON */
    int64_t size_ms, open_ms; /* of windows; size 0: there are none */
} Kept;

/* Where events go whose groups live in other tasks. */
typedef struct {
    PyObject *topic, *by, *needs; /* tuples of columns: those of the group, and those that travel */
    Kept *kept;
    Py_ssize_t kept_count;
} Exchange;

typedef struct {
    PyObject_HEAD
    PyObject *told;  /* owns what columns, tables, routes and exchanges point to */
    Column *columns; /* of records; in the order in which rows are published */
    PyObject **leads; /* bytes: "name": */
    Py_ssize_t read_count, column_count; /* of columns of records; with those that are made, which stand behind them */
    Table *tables;
    Py_ssize_t table_count, slot_count;
    Route *routes;
    Py_ssize_t route_count;
    Exchange *exchanges;
    Py_ssize_t exchange_count, judged_count; /* judged: tables for which it is said here whether an event is late */
    PyObject *identity; /* tuple of columns; empty: nothing is deduplicated */
    int serial;         /* column of the identity; -1: none */
    int time_column;    /* -1: the commit time */
    int64_t divide, multiply;
    int is_carried, needs_key, may_hide; /* carried: by an exchange, in place of Debezium's envelope */
} Reader;

static void *zeroed(Py_ssize_t count, size_t size) { return PyMem_Calloc((size_t)count + 1, size); }

/* made: of columns that records do not have, what leads their values. */
static int fill_columns(Reader *reader, PyObject *told, PyObject *made)
{
    reader->read_count = PyTuple_GET_SIZE(told);
    reader->column_count = reader->read_count + PyTuple_GET_SIZE(made);
    reader->columns = zeroed(reader->read_count, sizeof(Column));
    reader->leads = zeroed(reader->column_count, sizeof(PyObject *));
    if (!reader->columns || !reader->leads)
        return PyErr_NoMemory(), -1;
    for (Py_ssize_t place = reader->read_count; place < reader->column_count; place++) {
        reader->leads[place] = PyTuple_GET_ITEM(made, place - reader->read_count);
        if (!PyBytes_CheckExact(reader->leads[place]))
            return PyErr_SetString(PyExc_TypeError, "what leads a value is bytes"), -1;
    }
    for (Py_ssize_t place = 0; place < reader->read_count; place++) {
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

/* From (name, size, open). */
static int fill_kept(Exchange *exchange, PyObject *told)
{
    exchange->kept_count = PyTuple_GET_SIZE(told);
    exchange->kept = zeroed(exchange->kept_count, sizeof(Kept));
    if (!exchange->kept)
        return PyErr_NoMemory(), -1;
    for (Py_ssize_t place = 0; place < exchange->kept_count; place++) {
        Kept *kept = &exchange->kept[place];
        long long size_ms, open_ms;
        if (!PyArg_ParseTuple(PyTuple_GET_ITEM(told, place), "yLL", &kept->name, &size_ms, &open_ms))
            return -1;
        kept->size_ms = size_ms;
        kept->open_ms = open_ms;
    }
    return 0;
}

/* From (topic, by, columns that travel, tables). */
static int fill_exchanges(Reader *reader, PyObject *told)
{
    reader->judged_count = reader->table_count;
    reader->exchange_count = PyTuple_GET_SIZE(told);
    reader->exchanges = zeroed(reader->exchange_count, sizeof(Exchange));
    if (!reader->exchanges)
        return PyErr_NoMemory(), -1;
    for (Py_ssize_t place = 0; place < reader->exchange_count; place++) {
        Exchange *exchange = &reader->exchanges[place];
        PyObject *tables;
        if (!PyArg_ParseTuple(PyTuple_GET_ITEM(told, place), "UO!O!O!", &exchange->topic, &PyTuple_Type, &exchange->by,
                              &PyTuple_Type, &exchange->needs, &PyTuple_Type, &tables)
            || check_places(reader, exchange->by) < 0 || check_places(reader, exchange->needs) < 0
            || fill_kept(exchange, tables) < 0)
            return -1;
        reader->judged_count += exchange->kept_count;
    }
    return 0;
}

static int fill_rest(Reader *reader, PyObject *options)
{
    long long divide, multiply;
    if (!PyArg_ParseTuple(options, "pppO!iiLL", &reader->is_carried, &reader->needs_key, &reader->may_hide,
                          &PyTuple_Type, &reader->identity, &reader->serial,
                          &reader->time_column, &divide, &multiply))
        return -1;
    reader->divide = divide;
    reader->multiply = multiply;
    if (divide < 1 || multiply < 1 || reader->serial >= reader->read_count || reader->time_column >= reader->read_count)
        return PyErr_SetString(PyExc_ValueError, "no such time"), -1;
    return check_places(reader, reader->identity);
}

#endif
