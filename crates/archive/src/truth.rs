//! `truth.parquet`: a row a column of atoms, with the settings of its sample.

use crate::journal::records;
use crate::{ArchiveError, Record};
use parquet::basic::{Compression, LogicalType, Repetition, Type as Physical};
use parquet::data_type::{BoolType, ByteArray, ByteArrayType, DoubleType, Int64Type};
use parquet::errors::ParquetError;
use parquet::file::properties::WriterProperties;
use parquet::file::writer::{SerializedFileWriter, SerializedRowGroupWriter};
use parquet::schema::types::Type;
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::Path;
use std::sync::Arc;

const NAME: &str = "truth.parquet";
/// Samples in a row group.
const GROUP: usize = 1000;

/// One field of the table, with what it holds of the rows that are not written yet.
struct Field {
    name: &'static str,
    values: Values,
}

enum Values {
    Number(Vec<i64>),
    Flag(Vec<bool>),
    Real(Vec<Option<f64>>),
    Text(Vec<Option<String>>),
}

enum Value {
    Number(i64),
    Flag(bool),
    Real(Option<f64>),
    Text(Option<String>),
}

/// A column of atoms as a row: its own fields and those of its sample.
fn row(record: &Record, spot: Option<&Spot<'_>>) -> Vec<(&'static str, Value)> {
    let s = record.settings.as_ref();
    let real = |name, value: Option<f64>| (name, Value::Real(value));
    let text = |name, value: Option<String>| (name, Value::Text(value));
    let name_of = |value: serde_json::Value| value.as_str().map(str::to_owned);
    let lens = s.map(|s| *s.probe.aberrations());
    vec![
        ("sample", Value::Number(record.id as i64)),
        real("x_px", spot.map(|spot| spot.x)),
        real("y_px", spot.map(|spot| spot.y)),
        ("labelled", Value::Flag(spot.is_some_and(|spot| spot.intensity.is_some()))),
        real("intensity", spot.and_then(|spot| spot.intensity)),
        real("contrast", spot.and_then(|spot| spot.contrast)),
        real("atoms", spot.map(|spot| spot.atoms.values().sum())),
        text("elements", spot.map(|spot| spot.elements())),
        text("material", s.map(|s| s.material.clone())),
        text("zone", s.map(|s| s.zone.clone())),
        text("form", s.and_then(|s| name_of(serde_json::json!(s.form)))),
        real("field_of_view_angstrom", s.map(|s| s.field_of_view_angstrom)),
        real("pixel_angstrom", Some(record.pixel_angstrom)),
        real("rotation_deg", s.map(|s| s.rotation_deg)),
        real("energy_kv", s.map(|s| s.probe.energy_kv())),
        real("semiangle_mrad", s.map(|s| s.probe.semiangle_mrad())),
        real("source_fwhm_angstrom", s.map(|s| s.probe.source_fwhm_angstrom())),
        real("defocus_angstrom", lens.map(|lens| lens.defocus_angstrom)),
        real("c3_mm", lens.map(|lens| lens.c3_mm)),
        real("c5_mm", lens.map(|lens| lens.c5_mm)),
        text("background", s.and_then(|s| name_of(serde_json::json!(s.background)))),
        real("background_level", s.map(|s| s.background_level)),
        real("sigma_jitter_angstrom", s.map(|s| s.scan.sigma_angstrom)),
        real("mains_hz", s.map(|s| s.scan.mains_hz)),
        real("current_pa", s.map(|s| s.dose.current_pa)),
        real("dwell_us", s.map(|s| s.dose.dwell_us)),
        real("peak_electrons", s.map(|s| s.peak_electrons)),
        real("psnr_db", record.psnr_db),
        real("radius_px", Some(record.radius_px)),
    ]
}

struct Spot<'a> {
    x: f64,
    y: f64,
    intensity: Option<f64>,
    contrast: Option<f64>,
    atoms: &'a BTreeMap<String, f64>,
}

impl Spot<'_> {
    /// `O 10 Ti 10`.
    fn elements(&self) -> String {
        self.atoms.iter().map(|(element, n)| format!("{element} {n}")).collect::<Vec<_>>().join(" ")
    }
}

fn spots(record: &Record) -> impl Iterator<Item = Spot<'_>> {
    let labelled = record.columns.iter().map(|c| Spot {
        x: c.x,
        y: c.y,
        intensity: Some(c.intensity),
        contrast: None,
        atoms: &c.atoms,
    });
    let unlabelled = record.unlabelled.iter().map(|c| Spot {
        x: c.x,
        y: c.y,
        intensity: None,
        contrast: Some(c.contrast),
        atoms: &c.atoms,
    });
    labelled.chain(unlabelled)
}

/// Writes the table of a library's records; a sample without columns has one row without a column.
pub(crate) fn write(folder: &Path) -> Result<(), ArchiveError> {
    let path = folder.join(NAME);
    let partial = folder.join(format!(".{NAME}.partial"));
    let written = File::create(&partial)
        .map_err(ArchiveError::io(&path))
        .and_then(|file| fill(folder, &path, file))
        .and_then(|()| fs::rename(&partial, &path).map_err(ArchiveError::io(&path)));
    if written.is_err() {
        // Whatever there is of it; the next attempt starts anew.
        let _ = fs::remove_file(&partial);
    }
    written
}

fn fill(folder: &Path, path: &Path, file: File) -> Result<(), ArchiveError> {
    let parquet = |error: ParquetError| match error {
        ParquetError::External(source) => ArchiveError::io(path)(io::Error::other(source)),
        other => ArchiveError::content(path, other.to_string()),
    };
    let mut records = records(folder)?.peekable();
    let mut table = Table::default();
    let mut writer = None;
    while records.peek().is_some() {
        for record in records.by_ref().take(GROUP) {
            table.add(&record?);
        }
        let writer = match &mut writer {
            Some(writer) => writer,
            None => {
                let properties = WriterProperties::builder().set_compression(Compression::SNAPPY).build();
                let file = file.try_clone().map_err(ArchiveError::io(path))?;
                let schema = table.schema().map_err(parquet)?;
                let opened = SerializedFileWriter::new(BufWriter::new(file), schema, Arc::new(properties));
                writer.insert(opened.map_err(parquet)?)
            }
        };
        let mut group = writer.next_row_group().map_err(parquet)?;
        table.write(&mut group).map_err(parquet)?;
        group.close().map_err(parquet)?;
    }
    if let Some(writer) = writer {
        writer.close().map_err(parquet)?;
    }
    file.sync_all().map_err(ArchiveError::io(path))
}

#[derive(Default)]
struct Table {
    fields: Vec<Field>,
}

impl Table {
    fn add(&mut self, record: &Record) {
        let mut any = false;
        for spot in spots(record) {
            self.push(row(record, Some(&spot)));
            any = true;
        }
        if !any {
            self.push(row(record, None));
        }
    }

    fn push(&mut self, row: Vec<(&'static str, Value)>) {
        if self.fields.is_empty() {
            self.fields = row.iter().map(|(name, value)| Field { name, values: value.empty() }).collect();
        }
        for (field, (_, value)) in self.fields.iter_mut().zip(row) {
            match (&mut field.values, value) {
                (Values::Number(values), Value::Number(value)) => values.push(value),
                (Values::Flag(values), Value::Flag(value)) => values.push(value),
                (Values::Real(values), Value::Real(value)) => values.push(value),
                (Values::Text(values), Value::Text(value)) => values.push(value),
                _ => {}
            }
        }
    }

    fn schema(&self) -> parquet::errors::Result<Arc<Type>> {
        let fields = self
            .fields
            .iter()
            .map(|field| field.values.schema(field.name).map(Arc::new))
            .collect::<Result<Vec<_>, _>>()?;
        Ok(Arc::new(Type::group_type_builder("truth").with_fields(fields).build()?))
    }

    /// Writes all rows and forgets them.
    fn write<W: Write + Send>(
        &mut self,
        group: &mut SerializedRowGroupWriter<'_, W>,
    ) -> parquet::errors::Result<()> {
        for field in &mut self.fields {
            let Some(mut column) = group.next_column()? else { continue };
            match &mut field.values {
                Values::Number(values) => {
                    column.typed::<Int64Type>().write_batch(&std::mem::take(values), None, None)?;
                }
                Values::Flag(values) => {
                    column.typed::<BoolType>().write_batch(&std::mem::take(values), None, None)?;
                }
                Values::Real(values) => {
                    let (levels, there) = split(std::mem::take(values), |value| value);
                    column.typed::<DoubleType>().write_batch(&there, Some(&levels), None)?;
                }
                Values::Text(values) => {
                    let (levels, there) =
                        split(std::mem::take(values), |text| ByteArray::from(text.into_bytes()));
                    column.typed::<ByteArrayType>().write_batch(&there, Some(&levels), None)?;
                }
            }
            column.close()?;
        }
        Ok(())
    }
}

/// Which values are there, as Parquet's definition levels, and those that are.
fn split<T, U>(values: Vec<Option<T>>, convert: impl Fn(T) -> U) -> (Vec<i16>, Vec<U>) {
    let levels = values.iter().map(|value| i16::from(value.is_some())).collect();
    (levels, values.into_iter().flatten().map(convert).collect())
}

impl Value {
    fn empty(&self) -> Values {
        match self {
            Self::Number(_) => Values::Number(Vec::new()),
            Self::Flag(_) => Values::Flag(Vec::new()),
            Self::Real(_) => Values::Real(Vec::new()),
            Self::Text(_) => Values::Text(Vec::new()),
        }
    }
}

impl Values {
    fn schema(&self, name: &str) -> parquet::errors::Result<Type> {
        let (physical, repetition, logical) = match self {
            Self::Number(_) => (Physical::INT64, Repetition::REQUIRED, None),
            Self::Flag(_) => (Physical::BOOLEAN, Repetition::REQUIRED, None),
            Self::Real(_) => (Physical::DOUBLE, Repetition::OPTIONAL, None),
            Self::Text(_) => (Physical::BYTE_ARRAY, Repetition::OPTIONAL, Some(LogicalType::String)),
        };
        Type::primitive_type_builder(name, physical)
            .with_repetition(repetition)
            .with_logical_type(logical)
            .build()
    }
}
