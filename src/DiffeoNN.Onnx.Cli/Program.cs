using System.CommandLine;
using DiffeoNN.Onnx.Cli.Commands;

var root = new RootCommand("Makes pretrained networks equivariant to diffeomorphisms.") { ShapesCommand.Create(), DeformCommand.Create() };
return await root.Parse(args).InvokeAsync();
