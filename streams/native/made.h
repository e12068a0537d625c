/* Made: columns that no record has. Python reads what they are made of, makes their values, and tells them as JSON.

   Each step is about the events in hand that are not dropped, in their order. */

#ifndef STREAMS_MADE_H
#define STREAMS_MADE_H

#include <Python.h>

#include "run.h"
#include "steps.h"

static void put_object(Buffer *buffer, const Reader *reader, const Cell *cells, PyObject *columns)
{
    char before = '{';
    for (Py_ssize_t place = 0; place < PyTuple_GET_SIZE(columns); place++) {
        long column = PyLong_AsLong(PyTuple_GET_ITEM(columns, place));
        if (cells[column].state == ABSENT)
            continue;
        put_byte(buffer, before);
        put_bytes(buffer, reader->leads[column]);
        put(buffer, cells[column].start, cells[column].length);
        before = ',';
    }
    if (before == '{')
        put_byte(buffer, before);
    put_byte(buffer, '}');
}

/* rows(columns) -> JSON array of objects of these columns; those that a record does not have are left out. */
static PyObject *Run_rows(Run *run, PyObject *columns)
{
    if (!PyTuple_Check(columns) || check_places(run->reader, columns) < 0)
        return PyErr_Occurred() ? NULL : (PyErr_SetString(PyExc_TypeError, "columns are a tuple"), NULL);
    char before = '[';
    run->buffer.length = 0;
    for (Py_ssize_t place = run->first; place < run->last; place++) {
        if (run->events[place].is_dropped)
            continue;
        put_byte(&run->buffer, before);
        put_object(&run->buffer, run->reader, cells_of(run, place), columns);
        before = ',';
    }
    if (before == '[')
        put_byte(&run->buffer, before);
    put_byte(&run->buffer, ']');
    return bytes_of(&run->buffer);
}

static bool has_all(const Cell *cells, PyObject *columns)
{
    for (Py_ssize_t place = 0; place < PyTuple_GET_SIZE(columns); place++)
        if (cells[PyLong_AsLong(PyTuple_GET_ITEM(columns, place))].state != HELD)
            return false;
    return true;
}

/* keys(columns) -> of each event the JSON array of their values; None where one is null or not there. */
static PyObject *Run_keys(Run *run, PyObject *columns)
{
    if (!PyTuple_Check(columns) || check_places(run->reader, columns) < 0)
        return PyErr_Occurred() ? NULL : (PyErr_SetString(PyExc_TypeError, "columns are a tuple"), NULL);
    PyObject *keys = PyList_New(0);
    for (Py_ssize_t place = run->first; keys && place < run->last; place++) {
        const Cell *cells = cells_of(run, place);
        if (run->events[place].is_dropped)
            continue;
        run->buffer.length = 0;
        if (has_all(cells, columns))
            put_array(&run->buffer, cells, columns);
        PyObject *key = run->buffer.length ? bytes_of(&run->buffer) : Py_NewRef(Py_None);
        if (!key || PyList_Append(keys, key) < 0)
            Py_CLEAR(keys);
        Py_XDECREF(key);
    }
    return keys;
}

/* 1: made; 0: a number that is none of those that a whole column may have; -1: an exception. */
static int make_cell(Cell *cell, PyObject *text, bool is_whole)
{
    if (!PyBytes_CheckExact(text) || !PyBytes_GET_SIZE(text) || PyBytes_GET_SIZE(text) > UINT32_MAX)
        return PyErr_SetString(PyExc_TypeError, "values are JSON, as bytes"), -1;
    Number number = {0, 0};
    Place start = (Place)PyBytes_AS_STRING(text), end = start + PyBytes_GET_SIZE(text);
    bool is_number = (*start == '-' || is_digit(*start)) && scan_number(start, &number) == end;
    *cell = (Cell){
        .start = start, .length = (uint32_t)(end - start), .state = *start == 'n' ? EMPTY : HELD,
        .digits = is_number ? number.digits : 0, .scale = is_number ? (uint8_t)number.scale : NO_NUMBER,
    };
    return !is_whole || cell->state == EMPTY || cell->scale == 0;
}

/* put(column, values, is_whole) -> whether all of a column of integers are such, in plain digits. */
static PyObject *Run_put(Run *run, PyObject *args)
{
    PyObject *values;
    Py_ssize_t column, at = 0;
    int is_whole, done = 1;
    if (!PyArg_ParseTuple(args, "nO!p", &column, &PyTuple_Type, &values, &is_whole))
        return NULL;
    if (column < run->reader->read_count || column >= run->reader->column_count)
        return PyErr_SetString(PyExc_ValueError, "no such column"), NULL;
    if (PyList_Append(run->made, values) < 0)
        return NULL;
    for (Py_ssize_t place = run->first; done == 1 && place < run->last; place++) {
        if (run->events[place].is_dropped)
            continue;
        if (at == PyTuple_GET_SIZE(values))
            return PyErr_SetString(PyExc_ValueError, "there are fewer values than events"), NULL;
        done = make_cell(&run->cells[place * run->reader->column_count + column], PyTuple_GET_ITEM(values, at++), is_whole);
    }
    return done < 0 ? NULL : PyBool_FromLong(done);
}

#endif
