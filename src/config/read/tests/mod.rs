mod dialects;
mod documents;
mod properties;
mod recipes;
mod variables;
mod yaml;
